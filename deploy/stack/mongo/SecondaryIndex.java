import de.bwaldvogel.mongo.MongoCollection;
import de.bwaldvogel.mongo.backend.IndexKey;
import de.bwaldvogel.mongo.backend.KeyValue;
import de.bwaldvogel.mongo.backend.Missing;
import de.bwaldvogel.mongo.backend.Utils;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.exception.DuplicateKeyError;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;

/**
 * Index of any fields, in memory: made anew from the documents when they are opened, it cannot contradict them.
 *
 * Hashed and partial ones are made of all documents in order, and so know more than they were asked for.
 */
final class SecondaryIndex extends OrderedIndex {
    /** By the key of the fields with the document's position behind it, since many may share the former. */
    private final TreeMap<String, String> positions = new TreeMap<>();
    private final boolean isUnique;
    private boolean isMultikey;

    SecondaryIndex(String name, List<IndexKey> keys, boolean sparse, boolean isUnique) {
        super(name, keys, sparse);
        this.isUnique = isUnique;
    }

    @Override
    boolean isMultikey() {
        return isMultikey;
    }

    @Override
    Iterable<String> between(String first, String past) {
        return positions.subMap(first, past).values();
    }

    @Override
    public void checkAdd(Document document, MongoCollection<String> collection) {
        if (isUnique) {
            refuseTaken(document, collection);
        }
    }

    @Override
    public void add(Document document, String position, MongoCollection<String> collection) {
        keysOf(document).forEach(key -> positions.put(key + position, position));
    }

    @Override
    public String remove(Document document) {
        String position = positionOf(document);
        keysOf(document).forEach(key -> positions.remove(key + position));
        return position;
    }

    @Override
    public void checkUpdate(Document before, Document after, MongoCollection<String> collection) {
        if (isUnique) {
            refuseTaken(after, collection);
        }
    }

    @Override
    public void updateInPlace(
            Document before, Document after, String position, MongoCollection<String> collection) {
        Set<String> had = keysOf(before);
        Set<String> has = keysOf(after);
        if (!had.equals(has)) {
            had.forEach(key -> positions.remove(key + position));
            has.forEach(key -> positions.put(key + position, position));
        }
    }

    /** The `_id`'s index knows the position; an index of the fields of many does not. */
    @Override
    public String getPosition(Document document) {
        return null;
    }

    @Override
    public long getCount() {
        return positions.size();
    }

    @Override
    public boolean isUnique() {
        return isUnique;
    }

    private void refuseTaken(Document document, MongoCollection<String> collection) {
        String own = positionOf(document);
        for (String key : keysOf(document)) {
            for (String position : between(key, key + OrderedKey.PAST)) {
                if (!position.equals(own)) {
                    KeyValue taken = new KeyValue(valuesOf(document)).normalized();
                    throw new DuplicateKeyError(this, collection, getKeys(), taken);
                }
            }
        }
    }

    /**
     * A key for each element of the arrays among its fields; none at all where it is not indexed.
     *
     * None that begins with null either, unless it is to be unique: no condition ever asks for it.
     */
    private Set<String> keysOf(Document document) {
        List<Object> values = valuesOf(document);
        if (isSparse() && values.stream().allMatch(Missing.class::isInstance)) {
            return Set.of();
        }
        if (values.stream().filter(Collection.class::isInstance).count() > 1) {
            getKeyValues(document); // which refuses two arrays side by side
        }
        Set<String> keys = Set.of("");
        for (Object value : values) {
            keys = product(keys, value);
        }
        if (!isUnique) {
            keys.removeIf(OrderedKey::isNull);
        }
        return keys;
    }

    private Set<String> product(Set<String> keys, Object value) {
        Set<String> longer = new LinkedHashSet<>();
        for (String element : elements(value)) {
            keys.forEach(key -> longer.add(key + element));
        }
        return longer;
    }

    private Set<String> elements(Object value) {
        if (!(value instanceof Collection<?> array)) {
            return Set.of(OrderedKey.of(value));
        }
        isMultikey = true;
        Set<String> elements = new LinkedHashSet<>();
        array.forEach(each -> elements.add(OrderedKey.of(each)));
        return array.isEmpty() ? Set.of(String.valueOf(OrderedKey.EMPTY_ARRAY)) : elements;
    }

    private List<Object> valuesOf(Document document) {
        return paths().stream().map(path -> Utils.getSubdocumentValueCollectionAware(document, path)).toList();
    }

    private static String positionOf(Document document) {
        return OrderedKey.of(document.get(PrimaryIndex.PATH));
    }
}
