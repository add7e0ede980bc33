import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import java.net.InetSocketAddress;
import java.util.List;

/**
 * A server of MongoDB's wire protocol for development and tests: one node, no replication, no authentication.
 *
 * The protocol and what a query means are mongo-java-server's; what holds the documents, the indexes, and what an
 * acknowledged write is worth are ours (ADR 24). Run as {@code java -cp 'classes:lib/*' MongoWireServer PORT
 * [FILE [--stay]]}. It listens on loopback (port 0 is any free one), prints its port, and ends when its standard
 * input does, so that it outlives nobody; with --stay it ends by SIGTERM. Without FILE everything is in memory.
 */
class MongoWireServer {
    /** The library says that it is MongoDB 5.0 with wire version 8, which today's drivers refuse; 13 is 5.0's. */
    private static final MongoVersion SPOKEN = new MongoVersion() {
        @Override
        public List<Integer> getVersionArray() {
            return List.of(5, 0, 0);
        }

        @Override
        public int getWireVersion() {
            return 13;
        }
    };

    /** Threads that answer: one that waits for the file keeps its connections waiting, and no others. */
    private static final int ANSWERING = 16;

    public static void main(String[] arguments) throws Exception {
        StoredBackend backend = new StoredBackend(DurableStore.open(arguments.length > 1 ? arguments[1] : null));
        backend.version(SPOKEN);
        MongoServer server = new MongoServer(backend);
        server.bind(new InetSocketAddress("127.0.0.1", Integer.parseInt(arguments[0])), 1, ANSWERING);
        System.out.println(server.getLocalAddress().getPort());
        Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow)); // which closes the file in order
        if (arguments.length > 2 && arguments[2].equals("--stay")) {
            Thread.currentThread().join();
        }
        while (System.in.read() >= 0) { }
        System.exit(0);
    }
}
