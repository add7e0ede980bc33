import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.AbstractMongoBackend;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import java.util.List;

/**
 * A server of MongoDB's wire protocol for development and tests: one node, no replication, no authentication.
 *
 * Run from its source: {@code java -cp 'lib/*' MongoWireServer.java PORT [FILE [--stay]]}. It listens on loopback
 * (port 0 is any free one), prints its port, and ends when its standard input does, so that it outlives nobody;
 * with --stay it ends by SIGTERM. Without FILE everything is in memory.
 *
 * It uses an index for queries of exactly that index's fields alone: `_id` and another field together read the
 * whole collection. Good for some thousand images; a write over 3,000 takes 7 ms.
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

    public static void main(String[] arguments) throws Exception {
        AbstractMongoBackend backend = arguments.length > 1 ? new H2Backend(arguments[1]) : H2Backend.inMemory();
        backend.version(SPOKEN);
        MongoServer server = new MongoServer(backend);
        server.bind("127.0.0.1", Integer.parseInt(arguments[0]));
        System.out.println(server.getLocalAddress().getPort());
        Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow)); // which closes the file in order
        if (arguments.length > 2 && arguments[2].equals("--stay")) {
            Thread.currentThread().join();
        }
        while (System.in.read() >= 0) { }
        System.exit(0);
    }
}
