using Ioasis.Core.Dma;

namespace Ioasis.Devices.Virtio;

/// <summary>The device's side of a split ring (virtio 1.3, 2.7). One thread uses it at a time.</summary>
internal sealed class SplitVring
{
    private const ushort NoNotify = 1, NoInterrupt = 1;
    private const int RingOffset = 4, UsedElementSize = 8, Window = 32;
    private readonly RingMemory _memory;
    private readonly RingSettings _settings;
    private readonly bool _hasIndirect, _hasEventIndex;
    private readonly ushort[] _heads = new ushort[Window]; // part of the available ring, read in one access
    private int _headAt, _headCount; // in _heads: the next one, and how many there are
    private ushort _seen;       // the driver's available index that was read last
    private ushort _next;       // the next entry of the available ring to take
    private ushort _used;       // the next entry of the used ring to write
    private ushort _published;  // the used index that the driver sees
    private bool _neverSignalled = true;
    private bool _owesSignal;

    internal SplitVring(DmaPort port, in RingSettings settings, ulong features)
    {
        _memory = new RingMemory(port);
        _settings = settings;
        _hasIndirect = (features & VirtioFeatures.IndirectDescriptors) != 0;
        _hasEventIndex = (features & VirtioFeatures.EventIndex) != 0;
        _seen = _next = _used = _published = settings.Base ?? 0;
    }

    /// <summary>The entry after the last chain that was given back.</summary>
    internal ushort Base => Volatile.Read(ref _published);

    private int Mask => _settings.Size - 1;

    /// <summary>
    /// Whether the driver may wait for an interrupt about chains that it sees as used: what it wants is not known yet.
    /// </summary>
    internal bool OwesSignal => _owesSignal;

    /// <summary>Takes the next chain.</summary>
    internal RingOutcome TryPop(VirtChain chain)
    {
        if (_headAt == _headCount)
        {
            RingOutcome outcome = ReadHeads();
            if (outcome != RingOutcome.Ok) return outcome;
        }

        ushort head = _heads[_headAt];
        if (!TryRead(chain, head)) return RingOutcome.Bad;
        chain.Id = head;
        _headAt++;
        _next++;
        return RingOutcome.Ok;
    }

    /// <summary>Whether the driver has made a chain available that was not taken.</summary>
    internal RingOutcome Look() => _headAt != _headCount ? RingOutcome.Ok : ReadHeads();

    /// <summary>Puts the chain that was taken first back to the driver, which does not see it yet.</summary>
    internal bool TryPush(VirtChain chain, uint written)
    {
        ulong at = _settings.Device + RingOffset + ((uint)(_used & Mask) * (ulong)UsedElementSize);
        if (!_memory.TryWrite(at, chain.Id | ((ulong)written << 32))) return false;
        _used++;
        return true;
    }

    /// <summary>Shows the driver what was put back.</summary>
    /// <param name="signals">Whether the driver wants to be interrupted for it.</param>
    internal bool TryPublish(out bool signals)
    {
        signals = false;
        ushort old = _published;
        if (_used == old) return true;
        Volatile.WriteBarrier(); // the entries first
        if (!_memory.TryWrite(_settings.Device + 2, _used)) return false;
        Volatile.Write(ref _published, _used);
        _owesSignal = true;
        Interlocked.MemoryBarrier(); // the index is visible before we ask whether the driver sleeps
        if (!_hasEventIndex)
        {
            if (!_memory.TryRead(_settings.Driver, out ushort flags)) return false;
            signals = (flags & NoInterrupt) == 0;
            _owesSignal = false;
            return true;
        }

        ulong usedEvent = _settings.Driver + RingOffset + (2 * (ulong)(uint)_settings.Size);
        if (!_memory.TryRead(usedEvent, out ushort wanted)) return false;
        signals = _neverSignalled || RingEvents.IsPassed(wanted, _used, old);
        _neverSignalled &= !signals;
        _owesSignal = false;
        return true;
    }

    /// <summary>Asks the driver to notify the device, or not to.</summary>
    internal bool TryAskForNotifications(bool wanted)
    {
        if (_hasEventIndex)
        {
            // an old index is as good as none
            if (!wanted) return true;
            ulong availableEvent = _settings.Device + RingOffset + ((ulong)UsedElementSize * (uint)_settings.Size);
            if (!_memory.TryWrite(availableEvent, _next)) return false;
        }
        else if (!_memory.TryWrite(_settings.Device, wanted ? (ushort)0 : NoNotify))
        {
            return false;
        }

        if (wanted) Interlocked.MemoryBarrier(); // the driver sees it before we look again
        return true;
    }

    /// <summary>Forgets chains that were taken and that the driver does not see as used.</summary>
    internal void Rewind()
    {
        _owesSignal = false;
        if (_next == _published) return;
        _next = _used = _published;
        _headAt = _headCount = 0;
    }

    private RingOutcome ReadHeads()
    {
        if (_seen == _next)
        {
            if (!_memory.TryRead(_settings.Driver + 2, out _seen)) return RingOutcome.Bad;
            if (_seen == _next) return RingOutcome.Empty;
        }

        int available = (ushort)(_seen - _published);
        if (available > _settings.Size) return RingOutcome.Bad;
        Volatile.ReadBarrier(); // the entries after the index
        int at = _next & Mask;
        int count = Math.Min(Math.Min((int)(ushort)(_seen - _next), Window), _settings.Size - at);
        if (!_memory.TryRead(_settings.Driver + RingOffset + (2 * (ulong)(uint)at), _heads.AsSpan(0, count)))
            return RingOutcome.Bad;
        (_headAt, _headCount) = (0, count);
        return RingOutcome.Ok;
    }

    private bool TryRead(VirtChain chain, ushort head)
    {
        chain.Begin(_memory.Port);
        ulong table = _settings.Descriptors;
        int entries = _settings.Size;
        bool isIndirect = false;
        uint index = head;
        for (int count = 0; count < entries; count++)
        {
            if (index >= (uint)entries) return false;
            if (!_memory.TryRead(table + (index * (ulong)SplitDescriptor.Size), out SplitDescriptor descriptor))
                return false;
            if ((descriptor.Flags & DescriptorFlags.Indirect) != 0)
            {
                // a chain may end with a table, which has no tables and nothing after it
                bool isValid = _hasIndirect && !isIndirect && (descriptor.Flags & DescriptorFlags.Next) == 0
                    && descriptor.Length != 0 && descriptor.Length % SplitDescriptor.Size == 0
                    && descriptor.Length / SplitDescriptor.Size <= VirtChain.MostSegments
                    && descriptor.Address <= ulong.MaxValue - descriptor.Length;
                if (!isValid) return false;
                isIndirect = true;
                table = descriptor.Address;
                entries = (int)(descriptor.Length / SplitDescriptor.Size);
                (index, count) = (0, -1);
                continue;
            }

            if (!chain.TryAdd(descriptor.Address, descriptor.Length, (descriptor.Flags & DescriptorFlags.Write) != 0))
                return false;
            if ((descriptor.Flags & DescriptorFlags.Next) == 0) return true;
            index = descriptor.Next;
        }

        return false; // the chain is a loop
    }
}
