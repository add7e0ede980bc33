import java.util.concurrent.atomic.AtomicLong;
import org.h2.mvstore.MVMap;
import org.h2.mvstore.MVStore;
import org.h2.mvstore.type.ByteArrayDataType;
import org.h2.mvstore.type.StringDataType;

/**
 * Group commit over one file of H2's MVStore: who waits for its change shares the next commit with all others.
 *
 * Left to itself the MVStore writes once a second, behind everybody's back: killed in between, it forgets writes
 * that it has acknowledged. So it commits when somebody waits, and never by itself: its own commits need not have
 * reached the file when a later one, with nothing left to do, returns.
 */
final class DurableStore {
    private static final int CACHE_MEGABYTES = 32;
    /** Smaller than its own 16 kB: a changed document writes the page that it is on. */
    private static final int PAGE_BYTES = 4096;
    /** Percent of the file's chunks that is alive, below which the sparsest are written anew. */
    private static final int FILL_RATE = 70;
    private static final int COMPACTED_BYTES = 2 << 20;
    private static final int COMPACTION_MILLIS = 250;

    private final MVStore store;
    private final AtomicLong changes = new AtomicLong();
    private volatile long committed;
    private boolean isCommitting;

    private DurableStore(MVStore store) {
        this.store = store;
        // What is dead is overwritten at once: every commit is on the disk before the next one begins.
        store.setRetentionTime(0);
        store.setVersionsToKeep(0);
    }

    /** The store in this file; in memory where it is null. */
    static DurableStore open(String file) {
        MVStore.Builder settings = new MVStore.Builder().autoCommitDisabled();
        if (file == null) {
            return new DurableStore(settings.open());
        }
        settings.fileName(file).cacheSize(CACHE_MEGABYTES).pageSplitSize(PAGE_BYTES);
        DurableStore opened = new DurableStore(settings.open());
        Thread compaction = new Thread(opened::compactForEver, "compaction");
        compaction.setDaemon(true);
        compaction.start();
        return opened;
    }

    MVMap<String, byte[]> map(String name) {
        return store.openMap(name, new MVMap.Builder<String, byte[]>()
            .keyType(StringDataType.INSTANCE).valueType(ByteArrayDataType.INSTANCE));
    }

    MVStore maps() {
        return store;
    }

    /** To be called behind every change, and before anybody can see it. */
    void changed() {
        changes.incrementAndGet();
    }

    /** Returns when every change that the caller has made or seen is in the file. */
    void await() {
        long mine = changes.get();
        while (committed < mine) {
            if (isMyTurn(mine)) {
                commit();
            }
        }
    }

    void close() {
        store.close(COMPACTION_MILLIS);
    }

    /** Whether the caller is to commit for all; returns later, and false, where somebody else was at it. */
    private synchronized boolean isMyTurn(long mine) {
        if (isCommitting) {
            try {
                wait();
            } catch (InterruptedException ended) {
                throw new IllegalStateException("the server ends", ended);
            }
            return false;
        }
        isCommitting = committed < mine;
        return isCommitting;
    }

    private void commit() {
        long reached = changes.get();
        boolean isDone = false;
        try {
            store.commit();
            store.sync();
            isDone = true;
        } finally {
            synchronized (this) {
                committed = isDone ? reached : committed;
                isCommitting = false;
                notifyAll();
            }
        }
    }

    /** A little at a time, so that nobody waits long. */
    private void compactForEver() {
        try {
            while (!store.isClosed()) {
                Thread.sleep(COMPACTION_MILLIS);
                if (store.compact(FILL_RATE, COMPACTED_BYTES)) {
                    store.commit();
                }
            }
        } catch (InterruptedException | RuntimeException ended) {
            if (!store.isClosed()) {
                ended.printStackTrace();
            }
        }
    }
}
