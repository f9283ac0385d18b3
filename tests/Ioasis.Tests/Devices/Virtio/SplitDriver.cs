using Ioasis.Devices.Virtio;
using Ioasis.Memory;

namespace Ioasis.Tests.Devices.Virtio;

/// <summary>A driver's split ring.</summary>
internal sealed class SplitDriver : DriverRing
{
    private readonly Queue<ushort> _free = [];
    private readonly Dictionary<ushort, ushort[]> _chains = [];
    private readonly bool _hasEventIndex;
    private ushort _available, _told, _used;

    internal SplitDriver(HostBlock memory, ulong memoryBase, ulong at, int size, ulong features, ushort first = 0)
        : base(memory, memoryBase, at, size)
    {
        _hasEventIndex = (features & VirtioFeatures.EventIndex) != 0;
        for (int i = 0; i < size; i++) _free.Enqueue((ushort)i);
        _available = _told = _used = first;
        FirstBase = first;
        Memory.Write(Offset(Driver) + 2, first);
        Memory.Write(Offset(Device) + 2, first);
    }

    internal override uint FirstBase { get; }

    internal override int Outstanding => _chains.Count;

    internal override int? Add(IReadOnlyList<Part> parts, bool indirect = false)
    {
        int needed = indirect ? 1 : parts.Count;
        if (_free.Count < needed) return null;
        ushort[] taken = [.. Enumerable.Range(0, needed).Select(_ => _free.Dequeue())];
        if (indirect)
        {
            ulong table = WriteTable(taken[0], parts, (i, part) => (part.Length,
                Tail(part, isLast: i == parts.Count - 1, (ushort)(i + 1))));
            WriteDescriptor(taken[0], table, (uint)parts.Count * 16, 4);
        }
        else
        {
            for (int i = 0; i < parts.Count; i++)
            {
                bool isLast = i == parts.Count - 1;
                WriteDescriptor(taken[i], parts[i].Address, parts[i].Length,
                    Tail(parts[i], isLast, isLast ? (ushort)0 : taken[i + 1]));
            }
        }

        _chains.Add(taken[0], taken);
        Memory.Write(Offset(Driver) + 4 + (ulong)(2 * (_available % Size)), taken[0]);
        _available++;
        Thread.MemoryBarrier();
        Memory.Write(Offset(Driver) + 2, _available);
        return taken[0];
    }

    internal override (int Token, uint Written)? Reap()
    {
        ushort index = Memory.Read<ushort>(Offset(Device) + 2);
        if (index == _used) return null;
        Thread.MemoryBarrier();
        ulong entry = Offset(Device) + 4 + (ulong)(8 * (_used % Size));
        uint id = Memory.Read<uint>(entry), written = Memory.Read<uint>(entry + 4);
        _used++;
        Assert.True(_chains.Remove((ushort)id, out ushort[]? taken), $"the device used {id}, which it did not have");
        foreach (ushort descriptor in taken) _free.Enqueue(descriptor);
        if (_hasEventIndex && _wants) Memory.Write(Offset(Driver) + 4 + (ulong)(2 * Size), _used);
        return ((int)id, written);
    }

    private bool _wants = true;

    internal override bool MustKick()
    {
        Thread.MemoryBarrier();
        ushort told = _told;
        _told = _available;
        if (!_hasEventIndex) return (Memory.Read<ushort>(Offset(Device)) & 1) == 0;
        ushort wanted = Memory.Read<ushort>(Offset(Device) + 4 + (ulong)(8 * Size));
        return (ushort)(_available - wanted - 1) < (ushort)(_available - told);
    }

    internal override void WantInterrupts(bool wanted)
    {
        _wants = wanted;
        if (_hasEventIndex)
            Memory.Write(Offset(Driver) + 4 + (ulong)(2 * Size), wanted ? _used : (ushort)(_used - 1));
        else Memory.Write(Offset(Driver), (ushort)(wanted ? 0 : 1));
        Thread.MemoryBarrier();
    }

    private static uint Tail(Part part, bool isLast, ushort next) =>
        (isLast ? 0u : 1u) | (part.IsWritable ? 2u : 0u) | (isLast ? 0u : (uint)next << 16);

    private void WriteDescriptor(ushort index, ulong address, uint length, uint tail)
    {
        ulong to = Offset(Descriptors) + ((ulong)index * 16);
        Memory.Write(to, address);
        Memory.Write(to + 8, length);
        Memory.Write(to + 12, tail);
    }
}
