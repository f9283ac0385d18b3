using System.Runtime.InteropServices;
using Ioasis.Abi;

namespace Ioasis.Client;

/// <summary>
/// A region of a device: a BAR or the configuration space. Reads and writes are calls that the device sees; some
/// regions can also be mapped.
/// </summary>
public sealed class VfioRegion
{
    private readonly VfioDevice _device;

    private VfioRegion(VfioDevice device, VfioRegionInfo info, byte[] answer)
    {
        _device = device;
        Raw = info;
        Areas = CanMap ? SparseAreas(answer) ?? [new VfioRegionArea(0, info.Size)] : [];
    }

    /// <summary>The device's answer (struct vfio_region_info of linux/vfio.h).</summary>
    public VfioRegionInfo Raw { get; }

    /// <summary>Size in bytes; 0 if the device has no such region.</summary>
    public ulong Size => Raw.Size;

    /// <summary>Whether <see cref="Read{T}(ulong)"/> works.</summary>
    public bool CanRead => (Raw.Flags & VfioH.VFIO_REGION_INFO_FLAG_READ) != 0;

    /// <summary>Whether <see cref="Write{T}(ulong, T)"/> works.</summary>
    public bool CanWrite => (Raw.Flags & VfioH.VFIO_REGION_INFO_FLAG_WRITE) != 0;

    /// <summary>Whether the region, or parts of it, can be mapped.</summary>
    public bool CanMap => (Raw.Flags & VfioH.VFIO_REGION_INFO_FLAG_MMAP) != 0;

    /// <summary>The parts that can be mapped; the whole region unless the device names parts.</summary>
    public IReadOnlyList<VfioRegionArea> Areas { get; }

    /// <summary>Reads a value by pread(2).</summary>
    /// <param name="offset">Byte offset in the region.</param>
    /// <exception cref="IommuException">EINVAL beyond the region, EIO while the device's memory is
    /// disabled.</exception>
    public T Read<T>(ulong offset) where T : unmanaged
    {
        T value = default;
        Read(offset, MemoryMarshal.AsBytes(new Span<T>(ref value)));
        return value;
    }

    /// <summary>Writes a value by pwrite(2). The device has seen it on return.</summary>
    /// <param name="offset">Byte offset in the region.</param>
    /// <param name="value">The value.</param>
    /// <exception cref="IommuException">As in <see cref="Read{T}(ulong)"/>.</exception>
    public void Write<T>(ulong offset, T value) where T : unmanaged =>
        Write(offset, MemoryMarshal.AsBytes(new ReadOnlySpan<T>(ref value)));

    /// <summary>Reads bytes by pread(2).</summary>
    /// <exception cref="IommuException">The read failed or was short.</exception>
    public void Read(ulong offset, Span<byte> destination)
    {
        UserMemory buffer = _device.Nodes.Rent(destination.Length);
        SysResult result = _device.Handle.Read(Raw.Offset + offset, buffer.Address, (ulong)destination.Length);
        if (result.Value == destination.Length) buffer.CopyTo(0, destination);
        _device.Nodes.Return(buffer);
        Check(result, destination.Length, "read", offset);
    }

    /// <summary>Writes bytes by pwrite(2).</summary>
    /// <exception cref="IommuException">The write failed or was short.</exception>
    public void Write(ulong offset, ReadOnlySpan<byte> source)
    {
        UserMemory buffer = _device.Nodes.Rent(source.Length);
        buffer.CopyFrom(0, source);
        SysResult result = _device.Handle.Write(Raw.Offset + offset, buffer.Address, (ulong)source.Length);
        _device.Nodes.Return(buffer);
        Check(result, source.Length, "write", offset);
    }

    /// <summary>Maps all of the region (mmap(2)), readable and writable.</summary>
    /// <exception cref="IommuException">EINVAL if it cannot be mapped.</exception>
    public MappedRegion Map() => Map(0, Size);

    /// <summary>Maps part of the region, such as one of <see cref="Areas"/>.</summary>
    /// <param name="offset">Byte offset in the region, page-aligned.</param>
    /// <param name="length">Bytes.</param>
    /// <exception cref="IommuException">EINVAL if it cannot be mapped.</exception>
    public MappedRegion Map(ulong offset, ulong length)
    {
        Errno errno = _device.Handle.TryMap(Raw.Offset + offset, length, shared: true, readable: true, writable: true,
            executable: false, out MappedRegion? region);
        return errno == Errno.None
            ? region!
            : throw new IommuException(
                errno, $"map of 0x{length:x} bytes at 0x{offset:x} of region {Raw.Index} of {_device.Handle.Path}");
    }

    internal static VfioRegion Read(VfioDevice device, uint index)
    {
        var answer = new byte[NodeClient.SizeOf<VfioRegionInfo>()];
        while (true)
        {
            var question = new VfioRegionInfo { Argsz = (uint)answer.Length, Index = index };
            MemoryMarshal.Write(answer, question);
            SysResult result = device.TryIoctl(VfioH.VFIO_DEVICE_GET_REGION_INFO, answer);
            if (!result.IsOk)
                throw new IommuException(result, $"information on region {index} of {device.Handle.Path}");
            VfioRegionInfo info = MemoryMarshal.Read<VfioRegionInfo>(answer);
            if (info.Argsz <= answer.Length) return new VfioRegion(device, info, answer);
            answer = new byte[info.Argsz];
        }
    }

    private VfioRegionArea[]? SparseAreas(ReadOnlySpan<byte> answer)
    {
        if ((Raw.Flags & VfioH.VFIO_REGION_INFO_FLAG_CAPS) == 0) return null;
        for (uint at = Raw.CapOffset; at != 0;)
        {
            VfioInfoCapHeader header = MemoryMarshal.Read<VfioInfoCapHeader>(answer[(int)at..]);
            if (header.Id == VfioH.VFIO_REGION_INFO_CAP_SPARSE_MMAP)
            {
                VfioRegionInfoCapSparseMmap sparse = MemoryMarshal.Read<VfioRegionInfoCapSparseMmap>(answer[(int)at..]);
                ReadOnlySpan<byte> areas = answer[(int)(at + NodeClient.SizeOf<VfioRegionInfoCapSparseMmap>())..];
                return [.. MemoryMarshal.Cast<byte, VfioRegionSparseMmapArea>(areas)[..(int)sparse.NrAreas].ToArray()
                    .Select(area => new VfioRegionArea(area.Offset, area.Size))];
            }

            at = header.Next;
        }

        return null;
    }

    private void Check(SysResult result, int wanted, string verb, ulong offset)
    {
        if (result.Value == wanted) return;
        string request = $"{verb} of {wanted} bytes at 0x{offset:x} of region {Raw.Index} of {_device.Handle.Path}";
        throw result.IsOk
            ? new IommuException(Errno.EIO, $"{request}, of which {result.Value} were done,")
            : new IommuException(result, request);
    }
}

/// <summary>A part of a region that can be mapped.</summary>
/// <param name="Offset">Byte offset in the region.</param>
/// <param name="Length">Bytes.</param>
public readonly record struct VfioRegionArea(ulong Offset, ulong Length);
