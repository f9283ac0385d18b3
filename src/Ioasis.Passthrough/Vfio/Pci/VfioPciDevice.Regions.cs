using System.Buffers;
using Ioasis.Abi;
using Ioasis.Devices;
using Ioasis.Iommufd;
using Ioasis.Iommufd.Files;
using Ioasis.Memory;
using Ioasis.Passthrough.Vfio.Pci.Config;

namespace Ioasis.Passthrough.Vfio.Pci;

/// <summary>The regions: BARs and configuration space.</summary>
internal sealed partial class VfioPciDevice
{
    // Region i begins at i shifted by this, as on Linux, where programs count on it.
    private const int RegionShift = 40;

    // BAR 0 has a second place, behind all others: programs are told that one. Ordinary files have their first bytes at
    // offset 0, so that reads and writes there are not brought to us. A mapping at offset 0 is.
    private const uint SecondPlaceOfBar0 = VfioH.VFIO_PCI_NUM_REGIONS;

    private const int LargestConfiguration = 4096, ChangingConfiguration = 256;
    private const int CopyBytes = 64 * 1024;
    private const int PortalBytes = 64;

    /// <summary>Where programs are told that a region begins.</summary>
    internal static ulong RegionOffset(uint index) =>
        (ulong)(index == VfioH.VFIO_PCI_BAR0_REGION_INDEX ? SecondPlaceOfBar0 : index) << RegionShift;

    /// <summary>Which region a file offset lies in, and where there; false where none can be.</summary>
    internal static bool TryRegion(ulong offset, out uint index, out ulong position)
    {
        index = (uint)(offset >> RegionShift);
        position = offset & ((1UL << RegionShift) - 1);
        if (index == SecondPlaceOfBar0) index = VfioH.VFIO_PCI_BAR0_REGION_INDEX;
        return index < VfioH.VFIO_PCI_NUM_REGIONS;
    }

    /// <summary>The BAR of an index; null when there is none, or it is the upper half of one.</summary>
    internal Bar? FindBar(uint index)
    {
        IReadOnlyList<Bar> bars = Function.Bars;
        for (int i = 0; i < bars.Count; i++) // without an enumerator: it is called for each access
            if (bars[i].Index == index) return bars[i];
        return null;
    }

    public SysResult Read(ICaller caller, ulong offset, ulong buffer, ulong count) =>
        Move(caller, offset, buffer, count, write: false);

    public SysResult Write(ICaller caller, ulong offset, ulong buffer, ulong count) =>
        Move(caller, offset, buffer, count, write: true);

    public Errno Map(ICarrier carrier, ulong offset, ulong length, bool shared)
    {
        if (!shared || !TryRegion(offset, out uint index, out ulong position))
            return Errno.EINVAL.Because($"offset 0x{offset:x} is in no region, or the mapping is not MAP_SHARED");
        if (FindBar(index) is not { IsMappable: true } bar || position >= bar.Size || length > bar.Size - position)
            return Errno.EINVAL.Because($"0x{offset:x} + 0x{length:x} is not within a BAR that can be mapped");
        if (!_slot.TryWatch()) return Errno.ENOMEM.Because("the host has no means to watch a further mapping");
        return _slot.TryMapBar(bar.Index, carrier.Map(offset - position, bar.Size))
            ? Errno.None
            : Errno.EINVAL.Because("the BAR cannot be mapped now");
    }

    /// <summary>
    /// From now on the file's own bytes are those of the regions, for programs that read it in ways that are not
    /// brought to us (io_uring, aio, sendfile): they find what a mapping would show. Nobody writes there: our files are
    /// open for appending, and end behind all regions.
    /// </summary>
    private void ShowRegions(ICarrier carrier)
    {
        try
        {
            foreach (Bar bar in Function.Bars)
                _slot.ShowBar(bar.Index, carrier.Map(RegionOffset((uint)bar.Index), bar.Size));
            _shownConfiguration = carrier.Map(RegionOffset(VfioH.VFIO_PCI_CONFIG_REGION_INDEX), LargestConfiguration);
        }
        catch (IOException)
        {
            // No room for a further mapping: what is not shown reads as 0 that way, and mmap(2) tries again.
        }
    }

    /// <summary>
    /// Shows configuration space as it is now: its first bytes, where all is that ever changes, and more of it if
    /// asked.
    /// </summary>
    private void ShowConfiguration(int count = ChangingConfiguration)
    {
        if (_shownConfiguration is not { } shown) return;
        count = Math.Min(count, _config.Size);
        for (int done = 0; done < count;)
        {
            int chunk = _config.Chunk(done, count - done);
            uint value = _config.Read(done, chunk);
            if (chunk == sizeof(uint)) shown.Write((ulong)done, value);
            else if (chunk == sizeof(ushort)) shown.Write((ulong)done, (ushort)value);
            else shown.Write((ulong)done, (byte)value);
            done += chunk;
        }
    }

    /// <summary>A read or write of a region: of configuration space, or of a BAR a piece at a time.</summary>
    private SysResult Move(ICaller caller, ulong offset, ulong buffer, ulong count, bool write)
    {
        if (count == 0) return SysResult.Ok();
        if (!TryRegion(offset, out uint index, out ulong position))
            return Errno.EINVAL.Because($"offset 0x{offset:x} is in no region of the device");
        if (index == VfioH.VFIO_PCI_CONFIG_REGION_INDEX)
            return write ? WriteConfiguration(caller, position, buffer, count) : ReadConfiguration(caller, position,
                buffer, count);
        if (FindBar(index) is not { } bar || position >= bar.Size)
            return Errno.EINVAL.Because($"offset 0x{offset:x} is in no BAR of the device");
        count = Math.Min(count, bar.Size - position);
        byte[] bytes = ArrayPool<byte>.Shared.Rent((int)Math.Min(count, CopyBytes));
        try
        {
            for (ulong done = 0; done < count;)
            {
                Span<byte> part = bytes.AsSpan(0, (int)Math.Min(count - done, CopyBytes));
                var at = new Hva(unchecked(buffer + done));
                if (write && !caller.Memory.TryRead(at, part)) return UserFault.Read(at.Value, (uint)part.Length);
                Errno errno = AccessBar(bar, position + done, part, write, out int accessed);
                if (errno == Errno.EAGAIN && done + (uint)accessed > 0) return SysResult.Ok((long)done + accessed);
                if (errno != Errno.None) return errno;
                if (!write && !caller.Memory.TryWrite(at, part)) return UserFault.Write(at.Value, (uint)part.Length);
                done += (uint)part.Length;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }

        return SysResult.Ok((long)count);
    }

    private SysResult ReadConfiguration(ICaller caller, ulong position, ulong buffer, ulong count)
    {
        if (position >= (uint)_config.Size || count > (uint)_config.Size - position)
            return Errno.EFAULT.Because(
                $"0x{position:x} + {count} is not within the 0x{_config.Size:x} bytes of configuration space");
        Span<byte> bytes = stackalloc byte[(int)count];
        using (_access.Enter())
        {
            for (int done = 0; done < bytes.Length;)
            {
                int chunk = _config.Chunk((int)position + done, bytes.Length - done);
                uint value = ReadWindow((int)position + done, chunk) ?? _config.Read((int)position + done, chunk);
                Load(bytes.Slice(done, chunk), value);
                done += chunk;
            }
        }

        return caller.Memory.TryWrite(new Hva(buffer), bytes)
            ? SysResult.Ok(bytes.Length)
            : UserFault.Write(buffer, count);
    }

    private SysResult WriteConfiguration(ICaller caller, ulong position, ulong buffer, ulong count)
    {
        if (position >= (uint)_config.Size || count > (uint)_config.Size - position)
            return Errno.EFAULT.Because(
                $"0x{position:x} + {count} is not within the 0x{_config.Size:x} bytes of configuration space");
        Span<byte> bytes = stackalloc byte[(int)count];
        if (!caller.Memory.TryRead(new Hva(buffer), bytes)) return UserFault.Read(buffer, count);
        using (_access.Enter())
        {
            for (int done = 0; done < bytes.Length;)
            {
                int chunk = _config.Chunk((int)position + done, bytes.Length - done);
                var value = (uint)ValueOf(bytes.Slice(done, chunk));
                _config.Write((int)position + done, chunk, value);
                WriteWindow((int)position + done, chunk, value);
                done += chunk;
            }

            ShowConfiguration(Math.Max(ChangingConfiguration, (int)(position + count)));
        }

        return SysResult.Ok(bytes.Length);
    }

    /// <summary>What a read of the window to the BARs finds; null if it is none.</summary>
    private uint? ReadWindow(int position, int count)
    {
        if (WindowAt(position, count, out ulong offset, out int width) is not { } bar) return null;
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        bytes = bytes[..width];
        return AccessBar(bar, offset, bytes, write: false, out _) == Errno.None ? (uint)ValueOf(bytes) : null;
    }

    private void WriteWindow(int position, int count, uint value)
    {
        if (WindowAt(position, count, out ulong offset, out int width) is not { } bar) return;
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        Load(bytes, value);
        AccessBar(bar, offset, bytes[..width], write: true, out _);
    }

    /// <summary>
    /// The BAR that an access of the window's data goes to; null if it is no such access, or the driver has set the
    /// window to no possible place.
    /// </summary>
    private Bar? WindowAt(int position, int count, out ulong offset, out int width)
    {
        (offset, width) = (0, 0);
        int at = _hardware.Layout.Window;
        if (at == 0 || position != at + PciConfigLayout.WindowData) return null;
        offset = _hardware.Read(at + PciConfigLayout.WindowOffset, sizeof(uint));
        uint length = _hardware.Read(at + PciConfigLayout.WindowLength, sizeof(uint));
        Bar? bar = FindBar(_hardware.Read(at + PciConfigLayout.WindowBar, 1));
        width = (int)length;
        bool isPossible = length is 1 or 2 or 4 && length <= (uint)count && offset % length == 0
            && bar?.Size >= offset + length;
        return isPossible ? bar : null;
    }

    /// <summary>
    /// Reads or writes in the widest aligned accesses, and a portal in descriptors. Bytes of the MSI-X table read as
    /// ones, and writes to them are dropped.
    /// </summary>
    /// <param name="bar">The BAR.</param>
    /// <param name="position">The first byte's offset in it.</param>
    /// <param name="bytes">What is written, or receives what is read.</param>
    /// <param name="write">Whether to write.</param>
    /// <param name="accessed">How many bytes were accessed.</param>
    /// <returns>EIO when the BAR does not answer; EAGAIN when a portal takes no more descriptors now.</returns>
    private Errno AccessBar(Bar bar, ulong position, Span<byte> bytes, bool write, out int accessed)
    {
        accessed = 0;
        using (_access.Enter())
        {
            for (int width; accessed < bytes.Length; accessed += width)
            {
                ulong at = position + (uint)accessed;
                int left = bytes.Length - accessed;
                width = Width(bar, at, left, out bool isHidden);
                if (isHidden)
                {
                    if (!write) bytes.Slice(accessed, width).Fill(0xff);
                    continue;
                }

                if (!Answers)
                    return Errno.EIO.Because(
                        "the device does not answer: memory is off in its command register, or it is in low power");
                if (!write)
                {
                    Load(bytes.Slice(accessed, width), _slot.Read(bar.Index, at, width));
                }
                else if (bar.IsPortal && at % PortalBytes == 0 && left >= PortalBytes)
                {
                    width = PortalBytes;
                    if (!_slot.Submit(bar.Index, at, bytes.Slice(accessed, width)))
                        return Errno.EAGAIN.Because("the queue behind the portal is full");
                }
                else
                {
                    _slot.Write(bar.Index, at, width, ValueOf(bytes.Slice(accessed, width)));
                }
            }

            return Errno.None;
        }
    }

    /// <summary>Fills up to 8 bytes from a value, the lowest first.</summary>
    private static void Load(Span<byte> bytes, ulong value)
    {
        for (int i = 0; i < bytes.Length; i++) bytes[i] = (byte)(value >> (i * 8));
    }

    /// <summary>The value of up to 8 bytes, the lowest first.</summary>
    private static ulong ValueOf(ReadOnlySpan<byte> bytes)
    {
        ulong value = 0;
        for (int i = 0; i < bytes.Length; i++) value |= (ulong)bytes[i] << (i * 8);
        return value;
    }

    private bool Answers => _powerState == 0 && _config.MemoryEnabled;

    /// <summary>
    /// The width of the next access; or how many bytes belong to the MSI-X table, which programs can neither read nor
    /// write, because they set it by SET_IRQS.
    /// </summary>
    private int Width(Bar bar, ulong position, int count, out bool isHidden)
    {
        isHidden = false;
        ulong available = (uint)count;
        if (Function.Msix is { } msix && msix.Bar == bar.Index)
        {
            ulong start = msix.TableOffset, end = start + ((ulong)msix.Vectors * PciRegs.PCI_MSIX_ENTRY_SIZE);
            if (position < start) available = Math.Min(available, start - position);
            else if (position < end)
            {
                isHidden = true;
                return (int)Math.Min(available, end - position);
            }
        }

        for (int width = 8; ; width /= 2)
            if (available >= (uint)width && position % (uint)width == 0) return width;
    }
}
