import de.bwaldvogel.mongo.MongoCollection;
import de.bwaldvogel.mongo.MongoDatabase;
import de.bwaldvogel.mongo.backend.AbstractSynchronizedMongoDatabase;
import de.bwaldvogel.mongo.backend.CollectionOptions;
import de.bwaldvogel.mongo.backend.CursorRegistry;
import de.bwaldvogel.mongo.backend.Index;
import de.bwaldvogel.mongo.backend.IndexKey;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.oplog.Oplog;
import java.util.List;
import org.h2.mvstore.FileStore;
import org.h2.mvstore.MVMap;

/** One database: a map of documents for each collection, and the indexes that its descriptions ask for. */
final class StoredDatabase extends AbstractSynchronizedMongoDatabase<String> {
    static final String PREFIX = "documents.";

    private final DurableStore store;

    StoredDatabase(String name, DurableStore store, CursorRegistry cursors) {
        super(name, cursors);
        this.store = store;
        initializeNamespacesAndIndexes();
    }

    @Override
    protected MongoCollection<String> openOrCreateCollection(String collection, CollectionOptions options) {
        return new StoredCollection(this, collection, options, store, documentsOf(collection), cursorRegistry);
    }

    @Override
    protected Index<String> openOrCreateUniqueIndex(
            String collection, String name, List<IndexKey> keys, boolean sparse) {
        boolean isPrimary = keys.size() == 1 && keys.get(0).getKey().equals(PrimaryIndex.PATH);
        return isPrimary
            ? new PrimaryIndex(name, keys, documentsOf(collection))
            : new SecondaryIndex(name, keys, sparse, true);
    }

    @Override
    protected Index<String> openOrCreateSecondaryIndex(
            String collection, String name, List<IndexKey> keys, boolean sparse) {
        return new SecondaryIndex(name, keys, sparse, false);
    }

    @Override
    protected void addIndex(Document description) {
        super.addIndex(description);
        store.changed();
    }

    @Override
    public void drop(Oplog oplog) {
        super.drop(oplog);
        store.changed();
    }

    @Override
    public void dropCollection(String collection, Oplog oplog) {
        super.dropCollection(collection, oplog);
        store.maps().removeMap(documentsOf(collection));
        store.changed();
    }

    @Override
    public void moveCollection(MongoDatabase from, MongoCollection<?> collection, String name) {
        MVMap<String, byte[]> documents = store.map(PREFIX + collection.getFullName());
        super.moveCollection(from, collection, name);
        store.maps().renameMap(documents, PREFIX + getFullCollectionNamespace(name));
        store.changed();
    }

    @Override
    protected long getStorageSize() {
        FileStore<?> file = store.maps().getFileStore();
        return file == null ? 0 : file.size();
    }

    @Override
    protected long getFileSize() {
        return getStorageSize();
    }

    private MVMap<String, byte[]> documentsOf(String collection) {
        return store.map(PREFIX + getFullCollectionNamespace(collection));
    }
}
