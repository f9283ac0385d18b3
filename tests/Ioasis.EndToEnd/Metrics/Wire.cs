using System.Text;

namespace Ioasis.EndToEnd.Metrics;

/// <summary>
/// Reads a message of Protocol Buffers by the numbers of its fields, and knows nothing of its schema. For OTLP, whose
/// numbers are in opentelemetry-proto.
/// </summary>
internal sealed class Wire
{
    private readonly List<(int Field, ulong Number, ReadOnlyMemory<byte> Bytes)> _fields = [];

    internal Wire(ReadOnlyMemory<byte> message)
    {
        for (int at = 0; at < message.Length;)
        {
            ulong tag = Varint(ref at);
            (int field, int type) = ((int)(tag >> 3), (int)(tag & 7));
            ulong number = type == 0 ? Varint(ref at) : 0;
            int length = type switch { 0 => 0, 1 => 8, 2 => (int)Varint(ref at), 5 => 4, _ => throw Malformed() };
            _fields.Add((field, number, message.Slice(at, length)));
            at += length;
        }

        ulong Varint(ref int at)
        {
            ulong value = 0;
            for (int shift = 0; ; shift += 7)
            {
                byte one = message.Span[at++];
                value |= (ulong)(one & 0x7f) << shift;
                if (one < 0x80) return value;
            }
        }
    }

    private static InvalidDataException Malformed() => new("no message of Protocol Buffers");

    internal string Text(int field) => Encoding.UTF8.GetString(_fields.Single(f => f.Field == field).Bytes.Span);

    internal ulong Number(int field) => _fields.FirstOrDefault(f => f.Field == field).Number;

    internal ulong Fixed(int field) =>
        BitConverter.ToUInt64(_fields.Single(f => f.Field == field).Bytes.Span);

    internal bool Has(int field) => _fields.Exists(f => f.Field == field);

    /// <summary>The messages in a repeated field; along a path of them, those of all.</summary>
    internal IEnumerable<Wire> All(params int[] path) => path is [var first, .. var rest]
        ? _fields.Where(f => f.Field == first).SelectMany(f => new Wire(f.Bytes).All(rest))
        : [this];

    /// <summary>Attributes (KeyValue: key = 1, value = 2) whose values are texts or integers, as text.</summary>
    internal Dictionary<string, string> Attributes(int field) => All(field).ToDictionary(
        a => a.Text(1), a => a.All(2).Single() is var value && value.Has(1) ? value.Text(1) : $"{value.Number(3)}");
}
