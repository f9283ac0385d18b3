using Ioasis.Core.Dma;

namespace Ioasis.Devices.Virtio;

/// <summary>The device's side of a packed ring (virtio 1.3, 2.8). One thread uses it at a time.</summary>
internal sealed class PackedVring
{
    private const ushort EventsOn = 0, EventsOff = 1, EventsAtIndex = 2;
    private readonly RingMemory _memory;
    private readonly RingSettings _settings;
    private readonly bool _hasIndirect, _hasEventIndex;
    private RingPosition _next;   // the next descriptor to take
    private RingPosition _used;   // the next descriptor to mark as used
    private int _taken;           // descriptors between the two
    private int _marked;          // descriptors marked as used since TryPublish looked whether the driver sleeps
    private uint _base;

    internal PackedVring(DmaPort port, in RingSettings settings, ulong features)
    {
        _memory = new RingMemory(port);
        _settings = settings;
        _hasIndirect = (features & VirtioFeatures.IndirectDescriptors) != 0;
        _hasEventIndex = (features & VirtioFeatures.EventIndex) != 0;
        _next = _used = RingPosition.FromBits(settings.Base ?? RingPosition.FirstBits);
        _base = _used.Bits;
    }

    /// <summary>The descriptor after the last chain that was given back, with the wrap counter.</summary>
    internal ushort Base => (ushort)Volatile.Read(ref _base);

    /// <summary>Whether the base lies within the ring.</summary>
    internal bool IsValid => _next.Index < _settings.Size;

    /// <summary>
    /// Whether the driver may wait for an interrupt about chains that it sees as used: what it wants is not known yet.
    /// </summary>
    internal bool OwesSignal => _marked != 0;

    /// <summary>Takes the next chain.</summary>
    internal RingOutcome TryPop(VirtChain chain)
    {
        RingOutcome outcome = Look();
        if (outcome != RingOutcome.Ok) return outcome;
        chain.Begin(_memory.Port);
        RingPosition at = _next;
        for (int entries = 1; entries <= _settings.Size - _taken; entries++)
        {
            ulong address = AddressOf(at);
            if (!_memory.TryRead(address, out PackedDescriptor descriptor)) return RingOutcome.Bad;
            at.Advance(1, _settings.Size);
            if ((descriptor.Flags & DescriptorFlags.Indirect) != 0)
            {
                // a table is the only descriptor of its chain
                if (entries != 1 || (descriptor.Flags & DescriptorFlags.Next) != 0 || !TryReadTable(chain, descriptor))
                    return RingOutcome.Bad;
            }
            else
            {
                bool isWritable = (descriptor.Flags & DescriptorFlags.Write) != 0;
                if (!chain.TryAdd(descriptor.Address, descriptor.Length, isWritable)) return RingOutcome.Bad;
                if ((descriptor.Flags & DescriptorFlags.Next) != 0) continue;
            }

            chain.Id = descriptor.Id;
            chain.Entries = entries;
            _taken += entries;
            _next = at;
            return RingOutcome.Ok;
        }

        return RingOutcome.Bad; // longer than the ring
    }

    /// <summary>Whether the driver has made a chain available that was not taken.</summary>
    internal RingOutcome Look()
    {
        if (_taken == _settings.Size) return RingOutcome.Empty;
        if (!_memory.TryRead(AddressOf(_next) + PackedDescriptor.FlagsOffset, out DescriptorFlags flags))
            return RingOutcome.Bad;
        bool isAvailable = (flags & DescriptorFlags.Available) != 0, isUsed = (flags & DescriptorFlags.Used) != 0;
        if (isAvailable != _next.Wrap || isUsed == _next.Wrap) return RingOutcome.Empty;
        Volatile.ReadBarrier(); // the rest after the flags
        return RingOutcome.Ok;
    }

    /// <summary>
    /// Marks the chain that was taken first as used, in one write: at any time the memory shows a chain as it was made
    /// available or as used. So a ring whose memory goes away between two chains can go on later.
    /// </summary>
    internal bool TryPush(VirtChain chain, uint written)
    {
        Volatile.WriteBarrier(); // the buffers first
        DescriptorFlags flags = _used.Wrap ? DescriptorFlags.Available | DescriptorFlags.Used : DescriptorFlags.None;
        if (written != 0) flags |= DescriptorFlags.Write;
        ulong used = written | ((ulong)chain.Id << 32) | ((ulong)flags << 48);
        if (!_memory.TryWrite(AddressOf(_used) + PackedDescriptor.UsedOffset, used)) return false;
        _used.Advance(chain.Entries, _settings.Size);
        _taken -= chain.Entries;
        _marked += chain.Entries;
        Volatile.Write(ref _base, _used.Bits);
        return true;
    }

    /// <summary>The driver sees what was marked as used. Looks whether it sleeps.</summary>
    /// <param name="signals">Whether the driver wants to be interrupted for it.</param>
    internal bool TryPublish(out bool signals)
    {
        signals = false;
        if (_marked == 0) return true;
        Interlocked.MemoryBarrier(); // the flags are visible before we ask whether the driver sleeps
        if (!_memory.TryRead(_settings.Driver, out uint suppression)) return false;
        int marked = _marked;
        _marked = 0;
        var mode = (ushort)((suppression >> 16) & 3);
        if (mode != EventsAtIndex || !_hasEventIndex)
        {
            signals = mode != EventsOff;
            return true;
        }

        RingPosition wanted = RingPosition.FromBits((ushort)suppression);
        int index = wanted.Wrap == _used.Wrap ? wanted.Index : wanted.Index - _settings.Size;
        signals = marked >= _settings.Size
            || RingEvents.IsPassed((ushort)index, (ushort)_used.Index, (ushort)(_used.Index - marked));
        return true;
    }

    /// <summary>Asks the driver to notify the device, or not to.</summary>
    internal bool TryAskForNotifications(bool wanted)
    {
        if (!wanted) return _memory.TryWrite(_settings.Device + 2, EventsOff);
        if (_hasEventIndex)
        {
            if (!_memory.TryWrite(_settings.Device, (ushort)_next.Bits)) return false;
            Volatile.WriteBarrier();
        }

        if (!_memory.TryWrite(_settings.Device + 2, _hasEventIndex ? EventsAtIndex : EventsOn)) return false;
        Interlocked.MemoryBarrier(); // the driver sees it before we look again
        return true;
    }

    /// <summary>Forgets chains that were taken and that the driver does not see as used.</summary>
    internal void Rewind()
    {
        _next = _used;
        _taken = _marked = 0;
    }

    private ulong AddressOf(RingPosition position) =>
        _settings.Descriptors + ((uint)position.Index * (ulong)PackedDescriptor.Size);

    private bool TryReadTable(VirtChain chain, in PackedDescriptor table)
    {
        uint entries = table.Length / PackedDescriptor.Size;
        bool isValid = _hasIndirect && table.Length != 0 && table.Length % PackedDescriptor.Size == 0
            && entries <= VirtChain.MostSegments && table.Address <= ulong.MaxValue - table.Length;
        if (!isValid) return false;
        for (uint i = 0; i < entries; i++)
        {
            if (!_memory.TryRead(table.Address + (i * (ulong)PackedDescriptor.Size), out PackedDescriptor descriptor)
                || (descriptor.Flags & DescriptorFlags.Indirect) != 0
                || !chain.TryAdd(descriptor.Address, descriptor.Length,
                    (descriptor.Flags & DescriptorFlags.Write) != 0))
                return false;
        }

        return true;
    }
}
