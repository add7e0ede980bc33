import de.bwaldvogel.mongo.MongoDatabase;
import de.bwaldvogel.mongo.backend.AbstractMongoBackend;
import de.bwaldvogel.mongo.backend.Utils;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.message.MongoMessage;

/** Databases over one file; nothing is answered that a crash of this process could take back. */
final class StoredBackend extends AbstractMongoBackend {
    private final DurableStore store;

    StoredBackend(DurableStore store) {
        super(defaultClock());
        this.store = store;
        store.maps().getMapNames().stream()
            .filter(name -> name.startsWith(StoredDatabase.PREFIX))
            .map(name -> Utils.firstFragment(name.substring(StoredDatabase.PREFIX.length())))
            .distinct()
            .forEach(this::resolveDatabase);
    }

    @Override
    protected MongoDatabase openOrCreateDatabase(String name) {
        return new StoredDatabase(name, store, getCursorRegistry());
    }

    /** A reader waits too: what it was told must still be there when it acts on it ("majority" to MongoDB). */
    @Override
    public Document handleMessage(MongoMessage message) {
        Document answer = super.handleMessage(message);
        store.await();
        return answer;
    }

    @Override
    public void close() {
        super.close();
        store.close();
    }
}
