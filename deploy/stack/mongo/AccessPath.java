import de.bwaldvogel.mongo.bson.Document;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * The way to the candidates of a query: the ranges of one index, or the union of the ways of an `$or`.
 *
 * Values come before ranges, and of several indexes that which serves more fields by value: a range may hold most
 * of a collection, what equals something seldom does. `sorted` is the field by whose order the candidates come.
 */
record AccessPath(List<Range> ranges, int valued, String sorted) {
    private static final String OR = "$or";
    /** Beyond which more values are left to the matcher. */
    private static final int MOST_RANGES = 5000;

    record Range(OrderedIndex index, String first, String past) { }

    /** Empty where nothing but all documents would do. */
    static Optional<AccessPath> of(Document query, List<OrderedIndex> indexes) {
        Map<String, Condition> conditions = Condition.of(query);
        Optional<AccessPath> best = indexes.stream()
            .flatMap(index -> of(conditions, index).stream())
            .max(Comparator.comparingInt(AccessPath::rank));
        if (best.isPresent() && best.get().valued > 0) {
            return best;
        }
        Optional<AccessPath> union = union(query, indexes);
        return best.isPresent() && union.map(AccessPath::valued).orElse(0) == 0 ? best : union;
    }

    Iterable<String> positions() {
        if (sorted != null) {
            return between(ranges.get(0));
        }
        Set<String> once = new LinkedHashSet<>();
        ranges.forEach(range -> between(range).forEach(once::add));
        return once;
    }

    /** Whether the candidates come in this order already. */
    boolean isInOrderOf(Document order) {
        return order != null && order.size() == 1 && sorted != null
            && order.get(sorted) instanceof Number direction && direction.intValue() > 0;
    }

    private int rank() {
        boolean isPrimary = ranges.stream().anyMatch(range -> range.index instanceof PrimaryIndex);
        return 4 * valued + (isPrimary && valued > 0 ? 1000 : 0) + (sorted != null ? 1 : 0);
    }

    private static Iterable<String> between(Range range) {
        return range.first.compareTo(range.past) < 0 ? range.index.between(range.first, range.past) : List.of();
    }

    private static Optional<AccessPath> of(Map<String, Condition> conditions, OrderedIndex index) {
        List<String> prefixes = List.of("");
        int valued = 0;
        for (String path : index.paths()) {
            Condition condition = isPlain(path) ? conditions.get(path) : null;
            if (condition == null || condition.points().size() * prefixes.size() > MOST_RANGES) {
                break;
            }
            if (condition.isRange()) {
                return Optional.of(ranged(index, prefixes, valued, condition, path));
            }
            prefixes = prefixes.stream()
                .flatMap(prefix -> condition.points().stream().map(point -> prefix + point)).toList();
            valued++;
        }
        if (valued == 0) {
            return Optional.empty();
        }
        List<Range> ranges = prefixes.stream()
            .map(prefix -> new Range(index, prefix, prefix + OrderedKey.PAST)).toList();
        return Optional.of(new AccessPath(ranges, valued, null));
    }

    private static AccessPath ranged(
            OrderedIndex index, List<String> prefixes, int valued, Condition condition, String path) {
        String past = condition.past(index.isMultikey());
        List<Range> ranges = prefixes.stream()
            .map(prefix -> new Range(index, prefix + condition.first(), prefix + past)).toList();
        boolean isSorted = ranges.size() == 1 && !index.isMultikey();
        return new AccessPath(ranges, valued, isSorted ? path : null);
    }

    /** Of an `$or`, where each branch has a way of its own. */
    private static Optional<AccessPath> union(Document query, List<OrderedIndex> indexes) {
        if (!(query.get(OR) instanceof Collection<?> branches) || branches.isEmpty()) {
            return Optional.empty();
        }
        List<Range> ranges = new ArrayList<>();
        int valued = Integer.MAX_VALUE;
        for (Object branch : branches) {
            Optional<AccessPath> path = of((Document) branch, indexes);
            if (path.isEmpty()) {
                return Optional.empty();
            }
            ranges.addAll(path.get().ranges);
            valued = Math.min(valued, path.get().valued);
        }
        return Optional.of(new AccessPath(ranges, valued, null));
    }

    /** A number in a path may be a place in an array, which no key says anything of. */
    private static boolean isPlain(String path) {
        return Stream.of(path.split("\\.")).noneMatch(part -> part.matches("\\d+"));
    }
}
