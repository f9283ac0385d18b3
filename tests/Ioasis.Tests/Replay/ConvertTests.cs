using System.Text.Json.Nodes;
using Ioasis.Diagnostics.Record;

namespace Ioasis.Tests.Replay;

public sealed class ConvertTests
{
    private const string Lines = """
        {"seq":1,"time":0.25,"event":"open","path":"/dev/iommu","file":"file1"}
        {"seq":2,"time":0.5,"event":"call","thread":7,"request":"IOMMU_DESTROY","in":{"size":8},"took":0.125}
        {"seq":3,"time":0.75,"event":"doorbell","device":"1000:00:04.0","bar":0,"offset":"0x8"}
        {"seq":4,"time":1,"event":"irq","device":"1000:00:04.0","vector":0}
        """;

    [Fact]
    public void RowsHaveAColumnForWhatMostLinesHaveAndTheRestAsJson()
    {
        var text = new StringWriter();
        CsvTrace.Write(Parse(), text);
        string[] rows = text.ToString().Split("\r\n");
        Assert.StartsWith("seq,time,took,event,thread,call,file,", rows[0], StringComparison.Ordinal);
        Assert.Equal("1,0.25,,open,,,file1,/dev/iommu,,,,,,,,", rows[1]);
        Assert.Equal("2,0.5,0.125,call,7,,,,IOMMU_DESTROY,,,,,,,\"{\"\"in\"\":{\"\"size\"\":8}}\"", rows[2]);
        Assert.Equal(6, rows.Length);
    }

    /// <summary>The bytes are read back by the rules of the wire format alone.</summary>
    [Fact]
    public void PerfettoGetsASliceForACallAndAFlowFromADoorbellToTheInterrupt()
    {
        var bytes = new MemoryStream();
        PerfettoTrace.Write(Parse(), bytes);
        List<List<(int Field, object Value)>> packets =
            [.. Fields(bytes.ToArray()).Select(f => Fields((byte[])f.Value))];
        string[] tracks = [.. Of(packets, 60).Select(t => Text(t, 2))];
        Assert.Equal(["program", "machine", "thread 7", "device 1000:00:04.0"], tracks);

        var events = packets.Where(p => p.Exists(f => f.Field == 11))
            .Select(p => (Time: (ulong)p.First(f => f.Field == 8).Value,
                Event: Fields((byte[])p.First(f => f.Field == 11).Value)))
            .ToList();
        Assert.Equal([250_000_000ul, 375_000_000, 500_000_000, 750_000_000, 1_000_000_000], events.Select(e => e.Time));
        Assert.Equal([3ul, 1, 2, 3, 3], events.Select(e => (ulong)e.Event.First(f => f.Field == 9).Value));
        Assert.Equal("IOMMU_DESTROY", Text(events[1].Event, 23));
        Assert.Equal(events[3].Event.Single(f => f.Field == 47).Value,
            events[4].Event.Single(f => f.Field == 48).Value);
    }

    private static IEnumerable<List<(int Field, object Value)>> Of(
        List<List<(int Field, object Value)>> packets, int field) =>
        packets.SelectMany(p => p.Where(f => f.Field == field)).Select(f => Fields((byte[])f.Value));

    private static string Text(List<(int Field, object Value)> message, int field) =>
        System.Text.Encoding.UTF8.GetString((byte[])message.First(f => f.Field == field).Value);

    private static List<JsonObject> Parse() =>
        [.. Lines.Split('\n', StringSplitOptions.TrimEntries).Select(l => JsonNode.Parse(l)!.AsObject())];

    private static List<(int Field, object Value)> Fields(byte[] bytes)
    {
        var fields = new List<(int, object)>();
        int at = 0;
        ulong Varint()
        {
            ulong value = 0;
            for (int shift = 0; ; shift += 7)
            {
                byte one = bytes[at++];
                value |= (ulong)(one & 0x7f) << shift;
                if (one < 0x80) return value;
            }
        }

        while (at < bytes.Length)
        {
            ulong key = Varint();
            object value;
            switch (key & 7)
            {
                case 0:
                    value = Varint();
                    break;
                case 1:
                    value = BitConverter.ToUInt64(bytes, at);
                    at += sizeof(ulong);
                    break;
                case 2:
                    int length = (int)Varint();
                    value = bytes[at..(at + length)];
                    at += length;
                    break;
                default:
                    throw new FormatException("A field of an unknown wire type.");
            }

            fields.Add(((int)(key >> 3), value));
        }

        return fields;
    }
}
