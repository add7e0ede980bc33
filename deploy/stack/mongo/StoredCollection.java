import de.bwaldvogel.mongo.MongoDatabase;
import de.bwaldvogel.mongo.backend.AbstractSynchronizedMongoCollection;
import de.bwaldvogel.mongo.backend.CollectionOptions;
import de.bwaldvogel.mongo.backend.CursorRegistry;
import de.bwaldvogel.mongo.backend.DocumentWithPosition;
import de.bwaldvogel.mongo.backend.Index;
import de.bwaldvogel.mongo.backend.QueryResult;
import de.bwaldvogel.mongo.backend.Utils;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.bson.BsonDecoder;
import de.bwaldvogel.mongo.wire.bson.BsonEncoder;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Stream;
import org.h2.mvstore.MVMap;

/**
 * One collection: its documents as BSON, in the order of their `_id`s.
 *
 * As bytes, so that nobody holds the object that somebody else is changing. Every command has the collection to
 * itself, from its first look to its last write: a filter that names what was read is a compare-and-set.
 */
final class StoredCollection extends AbstractSynchronizedMongoCollection<String> {
    private final DurableStore store;
    private final MVMap<String, byte[]> documents;

    StoredCollection(MongoDatabase database, String name, CollectionOptions options, DurableStore store,
            MVMap<String, byte[]> documents, CursorRegistry cursors) {
        super(database, name, options, cursors);
        this.store = store;
        this.documents = documents;
    }

    /** By the index that leaves the fewest to look at; the matcher has the last word on each of them. */
    @Override
    protected QueryResult queryDocuments(
            Document query, Document order, int skip, int limit, int batch, Document fields) {
        boolean isNatural = order != null && order.containsKey("$natural");
        Optional<AccessPath> path = isNatural ? Optional.empty() : AccessPath.of(query, ordered());
        if (path.isEmpty()) {
            return matchDocuments(query, order, skip, limit, batch, fields);
        }
        Document rest = path.get().isInOrderOf(order) ? null : order;
        return matchDocuments(query, path.get().positions(), rest, skip, limit, batch, fields);
    }

    @Override
    protected QueryResult matchDocuments(
            Document query, Document order, int skip, int limit, int batch, Document fields) {
        Stream<Document> all = documents.values().stream().map(StoredCollection::decoded);
        if (isNaturalDescending(order)) {
            List<Document> backwards = new ArrayList<>(all.toList());
            Collections.reverse(backwards);
            all = backwards.stream();
        }
        return matchDocumentsFromStream(all, query, order, skip, limit, batch, fields);
    }

    @Override
    protected String addDocumentInternal(Document document) {
        String position = getIdField() == null
            ? UUID.randomUUID().toString()
            : OrderedKey.of(Utils.getSubdocumentValue(document, getIdField()));
        put(position, document);
        return position;
    }

    @Override
    protected void handleUpdate(String position, Document before, Document after) {
        put(position, after);
    }

    @Override
    protected void removeDocument(String position) {
        documents.remove(position);
        store.changed();
    }

    @Override
    protected Document getDocument(String position) {
        return decoded(documents.get(position));
    }

    @Override
    protected Stream<DocumentWithPosition<String>> streamAllDocumentsWithPosition() {
        return documents.entrySet().stream()
            .map(each -> new DocumentWithPosition<>(decoded(each.getValue()), each.getKey()));
    }

    @Override
    public synchronized void addIndex(Index<String> index) {
        super.addIndex(index);
    }

    @Override
    public synchronized void dropIndex(String name) {
        super.dropIndex(name);
    }

    @Override
    public synchronized int count(Document query, int skip, int limit) {
        return super.count(query, skip, limit);
    }

    @Override
    public int count() {
        return documents.size();
    }

    @Override
    protected boolean tracksDataSize() {
        return false; // a second entry to write beside each document
    }

    @Override
    protected void updateDataSize(int difference) { }

    @Override
    protected int getDataSize() {
        return documents.values().stream().mapToInt(each -> each.length).sum();
    }

    private List<OrderedIndex> ordered() {
        return getIndexes().stream().map(each -> (OrderedIndex) each).toList();
    }

    private void put(String position, Document document) {
        documents.put(position, encoded(document));
        store.changed();
    }

    private static byte[] encoded(Document document) {
        ByteBuf buffer = Unpooled.buffer();
        BsonEncoder.encodeDocument(document, buffer);
        return ByteBufUtil.getBytes(buffer);
    }

    private static Document decoded(byte[] document) {
        return BsonDecoder.decodeBson(Unpooled.wrappedBuffer(document));
    }
}
