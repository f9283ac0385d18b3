using Ioasis.Devices.Virtio;
using Ioasis.Memory;

namespace Ioasis.Tests.Devices.Virtio;

/// <summary>A driver's packed ring.</summary>
internal sealed class PackedDriver : DriverRing
{
    private readonly Queue<ushort> _ids = [];
    private readonly Dictionary<ushort, int> _chains = []; // by ID: number of descriptors
    private readonly bool _hasEventIndex;
    private int _next, _used, _free;
    private bool _nextWrap = true, _usedWrap = true, _wants = true;
    private int _added; // descriptors since MustKick

    internal PackedDriver(HostBlock memory, ulong memoryBase, ulong at, int size, ulong features)
        : base(memory, memoryBase, at, size)
    {
        _hasEventIndex = (features & VirtioFeatures.EventIndex) != 0;
        for (int i = 0; i < size; i++) _ids.Enqueue((ushort)(i ^ 1)); // any order will do
        _free = size;
    }

    internal override uint FirstBase => 0x8000;

    internal override int Outstanding => _chains.Count;

    internal override int? Add(IReadOnlyList<Part> parts, bool indirect = false)
    {
        int needed = indirect ? 1 : parts.Count;
        if (_free < needed || _ids.Count == 0) return null;
        ushort id = _ids.Dequeue();
        (int first, bool firstWrap) = (_next, _nextWrap);
        uint firstFlags = 0;
        ulong table = indirect
            ? WriteTable(_next, parts, (_, part) => (part.Length, part.IsWritable ? 2u << 16 : 0))
            : 0;
        for (int i = 0; i < needed; i++)
        {
            Part part = indirect ? new Part(table, (uint)parts.Count * 16, false) : parts[i];
            uint flags = (i == needed - 1 ? 0u : 1u) | (part.IsWritable ? 2u : 0u) | (indirect ? 4u : 0u)
                | (_nextWrap ? 0x80u : 0x8000u);
            ulong to = Offset(Descriptors) + ((ulong)_next * 16);
            Memory.Write(to, part.Address);
            Memory.Write(to + 8, part.Length);
            Memory.Write(to + 12, id);
            if (i == 0) firstFlags = flags;
            else Memory.Write(to + 14, (ushort)flags);
            if (++_next != Size) continue;
            _next = 0;
            _nextWrap = !_nextWrap;
        }

        _ = firstWrap;
        Thread.MemoryBarrier();
        Memory.Write(Offset(Descriptors) + ((ulong)first * 16) + 14, (ushort)firstFlags);
        _free -= needed;
        _added += needed;
        _chains.Add(id, needed);
        return id;
    }

    internal override (int Token, uint Written)? Reap()
    {
        ulong at = Offset(Descriptors) + ((ulong)_used * 16);
        ushort flags = Memory.Read<ushort>(at + 14);
        bool available = (flags & 0x80) != 0, used = (flags & 0x8000) != 0;
        if (available != used || used != _usedWrap) return null;
        Thread.MemoryBarrier();
        ushort id = Memory.Read<ushort>(at + 12);
        uint written = (flags & 2) != 0 ? Memory.Read<uint>(at + 8) : 0;
        Assert.True(_chains.Remove(id, out int count), $"the device used {id}, which it did not have");
        _used += count;
        if (_used >= Size)
        {
            _used -= Size;
            _usedWrap = !_usedWrap;
        }

        _free += count;
        _ids.Enqueue(id);
        if (_wants) WantInterrupts(true);
        return (id, written);
    }

    internal override bool MustKick()
    {
        Thread.MemoryBarrier();
        int added = _added;
        _added = 0;
        uint events = Memory.Read<uint>(Offset(Device));
        uint mode = (events >> 16) & 3;
        if (mode != 2) return mode == 0;
        int wanted = (int)(events & 0x7fff);
        if (((events & 0x8000) != 0) != _nextWrap) wanted -= Size;
        return (ushort)(_next - wanted - 1) < (ushort)added;
    }

    internal override void WantInterrupts(bool wanted)
    {
        _wants = wanted;
        if (wanted && _hasEventIndex) Memory.Write(Offset(Driver), (ushort)(_used | (_usedWrap ? 0x8000 : 0)));
        Memory.Write(Offset(Driver) + 2, (ushort)(!wanted ? 1 : _hasEventIndex ? 2 : 0));
        Thread.MemoryBarrier();
    }
}
