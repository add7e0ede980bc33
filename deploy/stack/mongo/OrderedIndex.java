import de.bwaldvogel.mongo.backend.Index;
import de.bwaldvogel.mongo.backend.IndexKey;
import de.bwaldvogel.mongo.bson.Document;
import java.util.List;

/** Index whose keys are in order. It names candidates: never too few, and whoever asked looks at each. */
abstract class OrderedIndex extends Index<String> {
    private final List<String> paths;

    OrderedIndex(String name, List<IndexKey> keys, boolean sparse) {
        super(name, keys, sparse);
        paths = keys.stream().map(IndexKey::getKey).toList();
    }

    final List<String> paths() {
        return paths;
    }

    /** Whether the field of some document is an array: then it has several keys, and no order. */
    abstract boolean isMultikey();

    /** The positions of all keys from the first on and before the other, in the order of the keys. */
    abstract Iterable<String> between(String first, String past);

    /** The library's own way to an index, for queries of exactly its fields; AccessPath goes in its place. */
    @Override
    public final boolean canHandle(Document query) {
        return false;
    }

    @Override
    public final Iterable<String> getPositions(Document query) {
        throw new UnsupportedOperationException();
    }

    @Override
    public final long getDataSize() {
        return getCount();
    }

    @Override
    public void drop() { }
}
