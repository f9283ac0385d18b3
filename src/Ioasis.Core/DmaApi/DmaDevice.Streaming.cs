using System.Runtime.InteropServices;
using Ioasis.Core.Domains;
using Ioasis.Memory;

namespace Ioasis.Core.DmaApi;

/// <content>Streaming mappings: a buffer for one transfer.</content>
public sealed partial class DmaDevice
{
    /// <summary>
    /// Maps memory for the device (Linux: dma_map_single). Managed memory stays pinned while it is mapped. The device
    /// owns the buffer until it is unmapped or synchronized.
    /// </summary>
    /// <param name="memory">Not empty. A span of the stack has no such form.</param>
    /// <param name="direction">Who writes it.</param>
    /// <param name="mapping">The mapping, when the answer is <see cref="IommuStatus.Ok"/>.</param>
    /// <param name="attributes">How to map it.</param>
    /// <returns>NoSpace when no address below the mask is free or the buffer is larger than
    /// <see cref="MaxMappingSize"/>; NotSupported when it had to be bounced and may not; what the space says.</returns>
    public IommuStatus Map<T>(
        Memory<T> memory, DmaDirection direction, out DmaMapping mapping, DmaAttributes attributes = 0)
        where T : unmanaged
    {
        if (memory.IsEmpty) throw new ArgumentException("There is nothing to map.", nameof(memory));
        CheckUse(direction);
        PinnedMemory pinned = PinnedMemory.Pin(memory);
        return Map(pinned.Address, pinned.Length, new DmaHold(pinned), direction, attributes, out mapping,
            isConstant: Observer is not null && memory is Memory<char> text
                && MemoryMarshal.TryGetString(text, out _, out _, out _));
    }

    /// <summary>Maps a part of native memory for the device.</summary>
    /// <param name="memory">Memory that the space allocated.</param>
    /// <param name="offset">Its first byte.</param>
    /// <param name="length">Bytes, not 0.</param>
    /// <param name="direction">Who writes it.</param>
    /// <param name="mapping">As for managed memory.</param>
    /// <param name="attributes">How to map it.</param>
    public IommuStatus Map(
        DmaMemory memory, ulong offset, ulong length, DmaDirection direction, out DmaMapping mapping,
        DmaAttributes attributes = 0)
    {
        ArgumentNullException.ThrowIfNull(memory);
        CheckPart(memory, offset, length);
        nint address = memory.Address + (nint)offset;
        if (_paging is { } domain && (uint)direction < (uint)DmaDirection.None
            && ((ulong)address & ((1UL << _pageShift) - 1)) + length <= 1UL << (_pageShift + IovaCaches.MaxOrder))
            return MapPages(domain, memory, address, length, direction, out mapping);
        CheckUse(direction);
        return Map(address, length, new DmaHold(memory), direction, attributes, out mapping);
    }

    /// <summary>Maps all of native memory for the device.</summary>
    public IommuStatus Map(DmaMemory memory, DmaDirection direction, out DmaMapping mapping)
    {
        ArgumentNullException.ThrowIfNull(memory);
        return Map(memory, 0, memory.Length, direction, out mapping);
    }

    internal static void CheckPart(DmaMemory memory, ulong offset, ulong length)
    {
        ArgumentOutOfRangeException.ThrowIfZero(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, memory.Length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, memory.Length - offset);
    }

    /// <summary>Throws for a driver's mistake, before memory is held.</summary>
    private void CheckUse(DmaDirection direction)
    {
        if ((uint)direction > (uint)DmaDirection.None)
            throw new ArgumentOutOfRangeException(nameof(direction), direction, "It is none of the four.");
        ObjectDisposedException.ThrowIf(_isDisposed != 0, this);
    }

    /// <summary>A slot that is mapped as a mapping says.</summary>
    internal ref DmaSlot Mapped(int number, uint generation)
    {
        ref DmaSlot slot = ref _slots.At(number);
        if (Volatile.Read(ref slot.Generation) != generation) ThrowGone(DmaMistake.NotMapped);
        return ref slot;
    }

    internal void Unmap(int number, uint generation)
    {
        ref DmaSlot slot = ref _slots.At(number);
        if (Interlocked.CompareExchange(ref slot.Generation, unchecked(generation + 1), generation) != generation)
            ThrowGone(DmaMistake.UnmapsTwice);
        if (slot.Node is { } node)
        {
            UnmapPages(ref slot, node, number);
            return;
        }

        SlotRest rest = slot.Rest!;
        Observer?.OnUnmap(this, new Iova(slot.Iova));
        if (rest.Bounce is { } bounce)
        {
            UnmapBounced(in slot, rest, bounce);
        }
        else if (Space.Iovas is null || slot.Direction == DmaDirection.None)
        {
            rest.Hold.Release();
            Space.Iovas?.Free(rest.Run.Range.First, rest.Run.Range.Length);
        }
        else
        {
            Space.Retire(in rest.Run, rest.Run.Range.First, rest.Run.Range.Length, ref rest.Hold);
        }

        rest.Hold = default;
        _slots.Give(number);
        Observer?.OnUnmapped(this);
    }

    internal void Sync(int number, uint generation, ulong offset, ulong? length, bool forCpu)
    {
        ref DmaSlot slot = ref Mapped(number, generation);
        ulong part = length ?? (offset <= slot.Length ? slot.Length - offset : 0);
        if (Observer is { } observer)
        {
            var first = new Iova(slot.Iova);
            if (offset > slot.Length || part > slot.Length - offset)
                observer.OnMistake(this, DmaMistake.SyncOutside, $"IOVA 0x{slot.Iova:x}, {slot.Length} bytes");
            else observer.OnSync(this, first, forCpu, part == slot.Length);
        }

        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, slot.Length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(part, slot.Length - offset, nameof(length));
        if (slot.Node is null && slot.Rest!.Bounce is { } bounce)
            Copy(in slot, slot.Rest, bounce, offset, part, forCpu);
        Observer?.OnSynced(this, new Iova(slot.Iova), forCpu);
    }

    private void ThrowGone(DmaMistake mistake)
    {
        Observer?.OnMistake(this, mistake, Name);
        throw new InvalidOperationException("The buffer was unmapped already.");
    }

    private IommuStatus Map(
        nint address, ulong length, DmaHold hold, DmaDirection direction, DmaAttributes attributes,
        out DmaMapping mapping, bool isConstant = false)
    {
        mapping = default;
        ulong page = Space.PageSize, offset = (ulong)address & (page - 1);
        bool bounces = _options.BouncesAlways || (!hold.IsWhole && !Space.MapsAnyMemory);
        IommuStatus status = IommuStatus.Ok;
        DmaMemory? bounce = null;
        DmaHold source = default;
        nint from = address;
        if (bounces)
        {
            status = (attributes & DmaAttributes.RequireCoherent) != 0 ? IommuStatus.NotSupported
                : length > MaxBounce ? IommuStatus.NoSpace : IommuStatus.Ok;
            if (status == IommuStatus.Ok)
            {
                // it stays on its place within a page, or where on one the device's alignment wants it
                offset &= Space.MapsAnyMemory ? page - 1 : _minAlignMask;
                bounce = Space.AllocateMemory(offset + length);
                source = hold;
                hold = new DmaHold(bounce);
                bounce.Dispose(); // the mapping's hold is left
                address = bounce.Address + (nint)offset;
            }
        }

        ulong iova = (ulong)address;
        DmaRun run = default;
        if (status == IommuStatus.Ok && Space.Iovas is null)
        {
            if (iova + (length - 1) > _mask) status = IommuStatus.NoSpace;
        }
        else if (status == IommuStatus.Ok)
        {
            status = Enter(address, length, hold.IsWhole && bounce is null, direction, out run);
            iova = run.Range.First + offset;
        }

        if (status != IommuStatus.Ok)
        {
            hold.Release();
            if (bounce is not null) source.Release();
            return status;
        }

        int number = _slots.Take();
        ref DmaSlot slot = ref _slots.At(number);
        (slot.Direction, slot.Iova, slot.Length) = (direction, iova, length);
        SlotRest rest = slot.Rest ??= new SlotRest();
        (rest.Run, rest.Attributes, rest.Hold, rest.Source) = (run, attributes, hold, source);
        (rest.Bounce, rest.Address) = (bounce, from);
        if (bounce is not null && (attributes & DmaAttributes.SkipCpuSync) == 0)
            HostMemory.Copy(from, address, (nint)length); // also what the device may only write: it need not write all
        uint generation = unchecked(slot.Generation + 1);
        Volatile.Write(ref slot.Generation, generation);
        mapping = new DmaMapping(this, number, generation, iova);
        Observer?.OnMap(this, new DmaUse(DmaUseKind.Single, new Iova(iova), length, new Hva((ulong)from), direction,
            attributes, bounce is not null, isConstant));
        return IommuStatus.Ok;
    }

    /// <summary>Allocates addresses for a buffer, and enters its pages.</summary>
    private IommuStatus Enter(nint address, ulong length, bool ownsPages, DmaDirection direction, out DmaRun run)
    {
        ulong page = Space.PageSize, offset = (ulong)address & (page - 1);
        run = default;
        if (length > ulong.MaxValue - (2 * page)) return IommuStatus.Overflow;
        ulong whole = Space.WholePages(offset + length);
        if (!TryAllocate(whole, _mask, out ulong iova)) return IommuStatus.NoSpace;
        MapAccess access = DmaDirections.AccessOf(direction);
        run = Space.RunAt(iova, address, length, access, ownsPages);
        if (access == MapAccess.None) return IommuStatus.Ok; // the addresses alone: every access faults
        IommuStatus status = Space.Map(in run);
        if (status != IommuStatus.Ok) Space.Iovas!.Free(iova, whole);
        return status;
    }

    private void Copy(in DmaSlot slot, SlotRest rest, DmaMemory bounce, ulong offset, ulong length, bool forCpu)
    {
        nint own = rest.Address + (nint)offset, theirs = BouncedAt(in slot, rest, bounce) + (nint)offset;
        if (forCpu && slot.Direction != DmaDirection.ToDevice) HostMemory.Copy(theirs, own, (nint)length);
        if (!forCpu && slot.Direction != DmaDirection.FromDevice) HostMemory.Copy(own, theirs, (nint)length);
    }

    private nint BouncedAt(in DmaSlot slot, SlotRest rest, DmaMemory bounce) =>
        Space.Iovas is null ? (nint)slot.Iova : bounce.Address + (nint)(slot.Iova - rest.Run.Range.First);

    /// <summary>
    /// Unmaps a buffer that is bounced. The device's last access is over before the bytes are copied back, in a lazy
    /// space, too: what it wrote later would be lost anyway.
    /// </summary>
    private void UnmapBounced(in DmaSlot slot, SlotRest rest, DmaMemory bounce)
    {
        ulong before = (ulong)(BouncedAt(in slot, rest, bounce) - bounce.Address);
        if (Space.Iovas is { } iovas)
        {
            if (slot.Direction != DmaDirection.None) Space.Unmap([rest.Run.Range]);
            iovas.Free(rest.Run.Range.First, rest.Run.Range.Length);
        }

        if ((rest.Attributes & DmaAttributes.SkipCpuSync) == 0)
            Copy(in slot, rest, bounce, 0, slot.Length, forCpu: true);
        if (!HostMemory.IsZero(bounce.Address, (nint)before)
            || !HostMemory.IsZero(bounce.Address + (nint)(before + slot.Length),
                (nint)(bounce.Length - before - slot.Length)))
            Interlocked.Increment(ref _outsideWrites);
        rest.Hold.Release();
        rest.Source.Release();
        (rest.Source, rest.Bounce) = (default, null);
    }
}
