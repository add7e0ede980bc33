import de.bwaldvogel.mongo.backend.Missing;
import de.bwaldvogel.mongo.bson.BinData;
import de.bwaldvogel.mongo.bson.ObjectId;
import de.bwaldvogel.mongo.wire.bson.BsonEncoder;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.time.Instant;
import java.util.Collection;
import java.util.HexFormat;
import java.util.Map;
import java.util.UUID;

/**
 * Order-preserving encoding of BSON values: keys compare as MongoDB compares what they stand for.
 *
 * Equal numbers have one key, whatever their types, and so have null and a field that is missing. No key is the
 * beginning of another, so that keys behind one another are the key of a compound index.
 */
final class OrderedKey {
    /** Behind every key that begins with what stands before it. */
    static final char PAST = '\uffff';

    static final char EMPTY_ARRAY = 1;
    static final char STRING = 4;
    static final char DATE = 11;

    private static final char NULL = 2;
    private static final char NUMBER = 3;
    private static final char DOCUMENT = 5;
    private static final char ARRAY = 6;
    private static final char BINARY = 7;
    private static final char UUID_ = 8;
    private static final char OBJECT_ID = 9;
    private static final char BOOLEAN = 10;
    /** What has no order here, and equals only what has the same bytes. */
    private static final char OTHER = 12;

    private static final char END = 0;
    private static final char ESCAPE = 1;
    private static final char NEXT = 1;

    private final StringBuilder key = new StringBuilder();

    static String of(Object value) {
        return new OrderedKey().with(value).key.toString();
    }

    /** Whether the first value of the key is null or missing. */
    static boolean isNull(String key) {
        return key.charAt(0) == NULL;
    }

    private OrderedKey with(Object value) {
        if (Missing.isNullOrMissing(value)) {
            return tagged(NULL);
        } else if (value instanceof Number number) {
            return tagged(NUMBER).number(number);
        } else if (value instanceof String text) {
            return tagged(STRING).text(text);
        } else if (value instanceof Map<?, ?> document) {
            return tagged(DOCUMENT).document(document);
        } else if (value instanceof Collection<?> values) {
            return tagged(ARRAY).array(values);
        } else if (value instanceof BinData data) {
            return tagged(BINARY).text(HexFormat.of().formatHex(data.getData()));
        } else if (value instanceof UUID uuid) {
            return tagged(UUID_).text(uuid.toString());
        } else if (value instanceof ObjectId id) {
            return tagged(OBJECT_ID).text(id.getHexData());
        } else if (value instanceof Boolean truth) {
            return tagged(BOOLEAN).tagged(truth ? NEXT : END);
        } else if (value instanceof Instant moment) {
            return tagged(DATE).whole(moment.toEpochMilli());
        }
        return tagged(OTHER).text(bytes(value));
    }

    private OrderedKey tagged(char tag) {
        key.append(tag);
        return this;
    }

    /** By its nearest double, and behind that by what the double leaves of a long. */
    private OrderedKey number(Number number) {
        double nearest = number.doubleValue() + 0.0; // there is no negative zero then
        long bits = Double.doubleToLongBits(nearest);
        if (Double.isNaN(nearest)) {
            bits = -1L; // below all others, as all bits of a negative number are turned round
        }
        whole(bits < 0 ? ~bits ^ Long.MIN_VALUE : bits);
        return whole(number instanceof Long exact ? exact - (long) nearest : 0);
    }

    private OrderedKey whole(long number) {
        long unsigned = number ^ Long.MIN_VALUE;
        for (int shift = 56; shift >= 0; shift -= 8) { // in bytes, as Java keeps a text of such in half the room
            key.append((char) (unsigned >>> shift & 0xff));
        }
        return this;
    }

    private OrderedKey text(String text) {
        for (int at = 0; at < text.length(); at++) {
            char each = text.charAt(at);
            if (each <= ESCAPE) {
                key.append(ESCAPE).append((char) (each + 1));
            } else {
                key.append(each);
            }
        }
        return tagged(END);
    }

    private OrderedKey document(Map<?, ?> document) {
        document.forEach((name, value) -> tagged(NEXT).text((String) name).with(value));
        return tagged(END);
    }

    private OrderedKey array(Collection<?> values) {
        values.forEach(value -> tagged(NEXT).with(value));
        return tagged(END);
    }

    private static String bytes(Object value) {
        ByteBuf buffer = Unpooled.buffer();
        BsonEncoder.encodeDocument(Map.of("", value), buffer);
        StringBuilder bytes = new StringBuilder();
        while (buffer.isReadable()) {
            bytes.append((char) buffer.readUnsignedByte());
        }
        return bytes.toString();
    }
}
