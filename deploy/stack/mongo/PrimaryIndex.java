import de.bwaldvogel.mongo.MongoCollection;
import de.bwaldvogel.mongo.backend.IndexKey;
import de.bwaldvogel.mongo.backend.KeyValue;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.exception.DuplicateKeyError;
import java.util.List;
import org.h2.mvstore.MVMap;

/** Index of the `_id`s: the documents themselves, which are in that order. */
final class PrimaryIndex extends OrderedIndex {
    static final String PATH = "_id";

    private final MVMap<String, byte[]> documents;

    PrimaryIndex(String name, List<IndexKey> keys, MVMap<String, byte[]> documents) {
        super(name, keys, false);
        this.documents = documents;
    }

    @Override
    boolean isMultikey() {
        return false;
    }

    @Override
    Iterable<String> between(String first, String past) {
        return () -> documents.cursor(first, past, false);
    }

    @Override
    public String getPosition(Document document) {
        return OrderedKey.of(document.get(PATH));
    }

    @Override
    public void checkAdd(Document document, MongoCollection<String> collection) {
        if (documents.containsKey(getPosition(document))) {
            throw new DuplicateKeyError(this, collection, getKeys(), new KeyValue(document.get(PATH)));
        }
    }

    @Override
    public void add(Document document, String position, MongoCollection<String> collection) { }

    @Override
    public String remove(Document document) {
        return getPosition(document);
    }

    /** An `_id` never changes. */
    @Override
    public void checkUpdate(Document before, Document after, MongoCollection<String> collection) { }

    @Override
    public void updateInPlace(
            Document before, Document after, String position, MongoCollection<String> collection) { }

    @Override
    public long getCount() {
        return documents.sizeAsLong();
    }

    @Override
    public boolean isUnique() {
        return true;
    }
}
