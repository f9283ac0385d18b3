using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Ioasis.Diagnostics.Record;

/// <summary>A message in the wire format of protocol buffers, field by field.</summary>
internal sealed class ProtobufWriter
{
    private const int Varint = 0, Fixed64 = 1, Bytes = 2;

    private readonly ArrayBufferWriter<byte> _bytes = new();

    internal ReadOnlySpan<byte> Written => _bytes.WrittenSpan;

    internal ProtobufWriter Number(int field, ulong value)
    {
        Put(((ulong)field << 3) | Varint);
        Put(value);
        return this;
    }

    internal ProtobufWriter Fixed(int field, ulong value)
    {
        Put(((ulong)field << 3) | Fixed64);
        Span<byte> word = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(word, value);
        _bytes.Write(word);
        return this;
    }

    internal ProtobufWriter Text(int field, string value) => Raw(field, Encoding.UTF8.GetBytes(value));

    internal ProtobufWriter Message(int field, ProtobufWriter value) => Raw(field, value.Written);

    private ProtobufWriter Raw(int field, ReadOnlySpan<byte> value)
    {
        Put(((ulong)field << 3) | Bytes);
        Put((ulong)value.Length);
        _bytes.Write(value);
        return this;
    }

    private void Put(ulong value)
    {
        for (; value >= 0x80; value >>= 7) _bytes.Write([(byte)(value | 0x80)]);
        _bytes.Write([(byte)value]);
    }
}
