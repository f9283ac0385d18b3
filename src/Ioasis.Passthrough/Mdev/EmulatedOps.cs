using System.Buffers.Binary;
using Ioasis.Abi;
using Ioasis.Core.Walks;
using Ioasis.Devices;
using Ioasis.Iommufd;
using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;
using Ioasis.Memory.Threads;
using Ioasis.Passthrough.Vfio;
using Ioasis.Passthrough.Vfio.Interrupts;

namespace Ioasis.Passthrough.Mdev;

/// <summary>
/// An emulated mdev as a VFIO device. It tells of itself what Linux's sample mtty tells: nine regions that can all be
/// read and written, five interrupt indexes, no reset although it resets.
/// </summary>
internal sealed class EmulatedOps : IVfioDeviceOps
{
    // Region i begins at i shifted by this. Region 0 has a second place behind all others, which programs are told:
    // reads and writes of files at small offsets are not brought to us.
    private const int RegionShift = 40;
    private const ulong RegionMask = (1UL << RegionShift) - 1;
    private const uint SecondPlaceOfBar0 = VfioH.VFIO_PCI_NUM_REGIONS;
    private const int MostBytes = 4096; // more than any access of a program to registers

    // Held during each call to the model but Unmapped, so that it never gets two at once. Taken after the lock for
    // bindings; the model's own locks and the interrupts' are taken within.
    private readonly RankedLock _calls = new(LockRank.SlotCalls);
    private readonly EmulatedMdev _model;
    private readonly EmulatedMemory _memory;
    private readonly EmulatedInterrupts _interrupts;
    private readonly EmulatedSlot _slot;
    private readonly IReadOnlyList<ulong> _sizes;
    private bool _hasFailed; // the model threw; until it is reset it reads as ones

    internal EmulatedOps(string name, EmulatedMdev model)
    {
        (Name, _model) = (name, model);
        _sizes = model.RegionSizes;
        if (_sizes.Count != (int)VfioH.VFIO_PCI_NUM_REGIONS || _sizes.Any(size => size > RegionMask))
            throw new ArgumentException($"{model.GetType().Name} has nine regions, each smaller than 2^{RegionShift}.");
        _memory = new EmulatedMemory(model.IsToldOfUnmaps ? Unmapped : null);
        _interrupts = new EmulatedInterrupts(model.HasInterruptPin, model.MsiVectors);
        _slot = new EmulatedSlot(_memory, _interrupts);
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <summary>The way to memory; null while the device is not bound.</summary>
    internal IommufdAccess? Access => _memory.Access;

    /// <inheritdoc/>
    public VfioDeviceInfo Info => new()
    {
        Flags = VfioH.VFIO_DEVICE_FLAGS_PCI,
        NumRegions = VfioH.VFIO_PCI_NUM_REGIONS,
        NumIrqs = VfioH.VFIO_PCI_NUM_IRQS,
    };

    /// <summary>Up to the number of interrupts: of capabilities it says nothing.</summary>
    public int InfoSize => 16;

    /// <inheritdoc/>
    public Errno Bind(IommufdContext context, out VfioBinding? binding) =>
        AccessBinding.Bind(context, _memory, out binding);

    /// <inheritdoc/>
    public void Open(ICarrier carrier)
    {
        using (_calls.Enter())
        {
            _hasFailed = false;
            Call("Open", model => model.Open(_slot));
        }
    }

    /// <inheritdoc/>
    public void Close()
    {
        using (_calls.Enter()) Call("Close", static model => model.Close());
        _interrupts.Close();
    }

    /// <inheritdoc/>
    public Errno Reset()
    {
        using (_calls.Enter())
        {
            _hasFailed = false;
            Call("Reset", static model => model.Reset());
        }

        return Errno.None;
    }

    /// <inheritdoc/>
    public Errno GetRegionInfo(ref VfioRegionInfo info, out IReadOnlyList<VfioCapability> capabilities)
    {
        capabilities = [];
        if (info.Index >= VfioH.VFIO_PCI_NUM_REGIONS)
            return Errno.EINVAL.Because(
                $"there is no region {info.Index}; a PCI device has {VfioH.VFIO_PCI_NUM_REGIONS}");
        info.Size = _sizes[(int)info.Index];
        info.Flags = VfioH.VFIO_REGION_INFO_FLAG_READ | VfioH.VFIO_REGION_INFO_FLAG_WRITE;
        info.Offset = (ulong)(info.Index == 0 ? SecondPlaceOfBar0 : info.Index) << RegionShift;
        return Errno.None;
    }

    /// <inheritdoc/>
    public Errno GetIrqInfo(ref VfioIrqInfo info) => _interrupts.GetInfo(ref info);

    /// <summary>The same for each index, as the sample's. <see cref="SetIrqs"/> refuses what there is not.</summary>
    public uint IrqCount(uint index) => VfioH.VFIO_PCI_NUM_IRQS;

    /// <inheritdoc/>
    public Errno SetIrqs(uint index, IrqRequest request) => _interrupts.Set(index, request);

    /// <inheritdoc/>
    public SysResult Read(ICaller caller, ulong offset, ulong buffer, ulong count)
    {
        if (count == 0) return SysResult.Ok();
        if (!TryFind(offset, ref count, out int region, out ulong position))
            return Errno.EFAULT.Because($"offset 0x{offset:x} is in no region of the device");
        var bytes = new byte[count];
        Span<byte> word = stackalloc byte[4];
        using (_calls.Enter())
        {
            for (int done = 0, width; done < bytes.Length; done += width)
            {
                width = WidthAt(position + (uint)done, bytes.Length - done);
                uint value = Call("Read", model => model.Read(region, position + (uint)done, width));
                BinaryPrimitives.WriteUInt32LittleEndian(word, value);
                word[..width].CopyTo(bytes.AsSpan(done));
            }
        }

        return caller.Memory.TryWrite(new Hva(buffer), bytes)
            ? SysResult.Ok((long)count)
            : UserFault.Write(buffer, count);
    }

    /// <inheritdoc/>
    public SysResult Write(ICaller caller, ulong offset, ulong buffer, ulong count)
    {
        if (count == 0) return SysResult.Ok();
        if (!TryFind(offset, ref count, out int region, out ulong position))
            return Errno.EFAULT.Because($"offset 0x{offset:x} is in no region of the device");
        var bytes = new byte[count];
        if (!caller.Memory.TryRead(new Hva(buffer), bytes)) return UserFault.Read(buffer, count);
        Span<byte> word = stackalloc byte[4];
        using (_calls.Enter())
        {
            for (int done = 0, width; done < bytes.Length; done += width)
            {
                width = WidthAt(position + (uint)done, bytes.Length - done);
                word.Clear();
                bytes.AsSpan(done, width).CopyTo(word);
                uint value = BinaryPrimitives.ReadUInt32LittleEndian(word);
                Call("Write", model => model.Write(region, position + (uint)done, width, value));
            }
        }

        return SysResult.Ok((long)count);
    }

    /// <summary>What an access of the mdev to an address would find.</summary>
    internal TranslationWalk Walk(Iova address, bool write) => _memory.Walk(address, write);

    /// <summary>An access is cut at multiples of 4, 2 and 1 bytes.</summary>
    private static int WidthAt(ulong position, int left) =>
        left >= 4 && position % 4 == 0 ? 4 : left >= 2 && position % 2 == 0 ? 2 : 1;

    /// <summary>The region of an access that lies within it; false where there is none.</summary>
    private bool TryFind(ulong offset, ref ulong count, out int region, out ulong position)
    {
        uint index = (uint)(offset >> RegionShift);
        if (index == SecondPlaceOfBar0) index = 0;
        (region, position) = ((int)index, offset & RegionMask);
        if (index >= VfioH.VFIO_PCI_NUM_REGIONS || position >= _sizes[region] || count > _sizes[region] - position)
            return false;
        count = Math.Min(count, MostBytes);
        return true;
    }

    private void Unmapped(ulong iova, ulong length)
    {
        try
        {
            _model.Unmapped(new Iova(iova), length);
        }
        catch (Exception e)
        {
            Fail("Unmapped", e);
        }

        _slot.UnpinRest(iova, length);
    }

    private void Call(string where, Action<EmulatedMdev> call)
    {
        if (Volatile.Read(ref _hasFailed)) return;
        try
        {
            call(_model);
        }
        catch (Exception e)
        {
            Fail(where, e);
        }
    }

    private uint Call(string where, Func<EmulatedMdev, uint> call)
    {
        uint value = uint.MaxValue;
        Call(where, model => { value = call(model); });
        return value;
    }

    private void Fail(string where, Exception e)
    {
        HostMessages.Tell($"{_model.GetType().Name} {Name}: {where}", e);
        Volatile.Write(ref _hasFailed, true);
    }
}
