import de.bwaldvogel.mongo.backend.Missing;
import de.bwaldvogel.mongo.bson.BsonRegularExpression;
import de.bwaldvogel.mongo.bson.Document;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a query says of one field, as far as keys can say it: values it may equal, or a range that it lies in.
 *
 * It may say less than the query, never more. Nothing is said of null, which fields that are missing equal too, of
 * arrays, which are met whole or by an element, and of regular expressions. Ranges are of texts and of moments:
 * of numbers of different types the library has an order of its own.
 */
record Condition(List<String> points, String first, String past) {
    private static final String EQUAL = "$eq";
    private static final String IN = "$in";

    /** The conditions that all hold of what matches the query, by field. */
    static Map<String, Condition> of(Document query) {
        Map<String, Condition> found = new HashMap<>();
        query.forEach((path, value) -> {
            if (path.equals("$and")) {
                ((Collection<?>) value).forEach(each -> of((Document) each)
                    .forEach((inner, condition) -> found.merge(inner, condition, Condition::sharper)));
            } else if (!path.startsWith("$")) {
                on(value).ifPresent(condition -> found.merge(path, condition, Condition::sharper));
            }
        });
        return found;
    }

    boolean isRange() {
        return points.isEmpty();
    }

    /** The range of one end alone: of an array one element may be above the one end, another below the other. */
    String past(boolean isMultikey) {
        return isMultikey && !first.isEmpty() ? String.valueOf((char) (first.charAt(0) + 1)) : past;
    }

    private Condition sharper(Condition other) {
        return isRange() ? other : this;
    }

    private static Optional<Condition> on(Object value) {
        if (!(value instanceof Document operators) || !isOperators(operators)) {
            return points(List.of(Missing.ofNullable(value)));
        }
        if (operators.containsKey(EQUAL)) {
            return points(List.of(Missing.ofNullable(operators.get(EQUAL))));
        }
        if (operators.get(IN) instanceof Collection<?> values) {
            return points(values);
        }
        return range(operators);
    }

    private static boolean isOperators(Document value) {
        return value.keySet().stream().anyMatch(name -> name.startsWith("$"));
    }

    private static Optional<Condition> points(Collection<?> values) {
        List<String> points = new ArrayList<>();
        for (Object value : values) {
            boolean isUnclear = Missing.isNullOrMissing(value) || value instanceof Collection
                || BsonRegularExpression.isRegularExpression(value);
            if (isUnclear) {
                return Optional.empty();
            }
            points.add(OrderedKey.of(value));
        }
        // Where there are none nothing equals them, and a range of nothing says so.
        return Optional.of(new Condition(points, "", ""));
    }

    private static Optional<Condition> range(Document operators) {
        String first = null;
        String past = null;
        for (Map.Entry<String, Object> each : operators.entrySet()) {
            boolean isRanged = each.getValue() instanceof String || each.getValue() instanceof Instant;
            String key = isRanged ? OrderedKey.of(each.getValue()) : "";
            switch (isRanged ? each.getKey() : "") {
                case "$gt" -> first = key + OrderedKey.PAST;
                case "$gte" -> first = key;
                case "$lt" -> past = key;
                case "$lte" -> past = key + OrderedKey.PAST;
                default -> { }
            }
        }
        return first == null && past == null ? Optional.empty() : Optional.of(closed(first, past));
    }

    /** A range has both ends within the type of the one that it was given. */
    private static Condition closed(String first, String past) {
        char type = (first == null ? past : first).charAt(0);
        return new Condition(
            List.of(),
            first == null ? String.valueOf(type) : first,
            past == null || past.charAt(0) != type ? String.valueOf((char) (type + 1)) : past);
    }
}
