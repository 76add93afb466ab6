import java.io.BufferedOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Reads topics to their end with Kafka's own client, so that no test believes Millrace's client
 * about what Millrace has written.
 *
 * <p>{@code Reader BROKERS read_committed|read_uncommitted TOPIC...} writes each record to standard
 * output: topic, partition (int), offset and timestamp (long), key, value, the number of headers
 * (int), and of each header its name and its value. Numbers are big-endian; texts and bytes follow
 * their length (int), which is -1 for null.
 */
public class Reader {
    public static void main(String[] args) throws IOException {
        var out = new DataOutputStream(new BufferedOutputStream(System.out, 1 << 20));
        Map<String, Object> settings =
            Map.of("bootstrap.servers", args[0], "isolation.level", args[1],
                "allow.auto.create.topics", false, "max.poll.records", 10_000);
        var bytes = new ByteArrayDeserializer();
        try (var consumer = new KafkaConsumer<>(settings, bytes, bytes)) {
            var partitions =
                List.of(args).subList(2, args.length).stream()
                    .flatMap(topic -> consumer.partitionsFor(topic).stream())
                    .map(info -> new TopicPartition(info.topic(), info.partition())).toList();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            // With read_committed the end is before the first open transaction.
            var ends = consumer.endOffsets(partitions);
            while (ends.entrySet().stream().anyMatch(e -> consumer.position(e.getKey()) < e.getValue())) {
                for (var record : consumer.poll(Duration.ofMillis(100))) {
                    if (record.offset() < ends.get(new TopicPartition(record.topic(), record.partition()))) {
                        write(out, record);
                    }
                }
            }
        }
        out.flush();
    }

    private static void write(DataOutputStream out, ConsumerRecord<byte[], byte[]> record)
            throws IOException {
        bytes(out, record.topic().getBytes("UTF-8"));
        out.writeInt(record.partition());
        out.writeLong(record.offset());
        out.writeLong(record.timestamp());
        bytes(out, record.key());
        bytes(out, record.value());
        Header[] headers = record.headers().toArray();
        out.writeInt(headers.length);
        for (Header header : headers) {
            bytes(out, header.key().getBytes("UTF-8"));
            bytes(out, header.value());
        }
    }

    private static void bytes(DataOutputStream out, byte[] bytes) throws IOException {
        out.writeInt(bytes == null ? -1 : bytes.length);
        if (bytes != null) {
            out.write(bytes);
        }
    }
}
