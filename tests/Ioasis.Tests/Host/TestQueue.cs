using System.Buffers.Binary;
using Ioasis.Abi;
using Ioasis.Iommufd.Files;

namespace Ioasis.Tests.Host;

/// <summary>A queue of numbers of 8 bytes in groups, which are answered by numbers of 8 bytes.</summary>
internal sealed class TestQueue(bool answered) : QueueFile
{
    // Guards what follows.
    private readonly Lock _lock = new();
    private readonly Queue<byte[]> _records = new();
    private readonly List<ulong> _answers = [];
    private int _closed;

    public override string Name => "[test]";

    public override bool IsReadable
    {
        get { lock (_lock) return _records.Count != 0; }
    }

    public override int ResponseSize => answered ? 8 : 0;

    public int Left
    {
        get { lock (_lock) return _records.Count; }
    }

    public int Closed => Volatile.Read(ref _closed);

    public ulong[] Answers
    {
        get { lock (_lock) return [.. _answers]; }
    }

    public long HasRead => ReadBytes;

    public void Add(params ReadOnlySpan<ulong> group)
    {
        var bytes = new byte[8 * group.Length];
        for (int i = 0; i < group.Length; i++) BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(8 * i), group[i]);
        lock (_lock) _records.Enqueue(bytes);
        Wake();
    }

    public override int TryTake(Span<byte> room)
    {
        lock (_lock)
        {
            if (!_records.TryPeek(out byte[]? record)) return 0;
            if (record.Length > room.Length) return -record.Length;
            record.CopyTo(room);
            _records.Dequeue();
            return record.Length;
        }
    }

    public override Errno Answer(ReadOnlySpan<byte> response)
    {
        lock (_lock)
        {
            Assert.Equal(0, _closed); // none comes after the end
            _answers.Add(BinaryPrimitives.ReadUInt64LittleEndian(response));
        }

        return Errno.None;
    }

    public override void Close() => Interlocked.Increment(ref _closed);
}
