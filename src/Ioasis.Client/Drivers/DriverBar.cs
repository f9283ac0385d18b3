using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Ioasis.Client.Drivers;

/// <summary>
/// A memory BAR. Each access has the value's width, and the device sees each. A BAR that is mapped is accessed by loads
/// and stores; the rest of it by calls.
/// </summary>
public abstract class DriverBar : IDisposable
{
    private const int LineSize = 64;

    private readonly (ulong Start, MappedRegion Memory)[] _mapped;

    private protected DriverBar(ulong length, params (ulong Start, MappedRegion Memory)[] mapped)
    {
        Length = length;
        _mapped = mapped;
    }

    /// <summary>Size in bytes.</summary>
    public ulong Length { get; }

    /// <summary>Reads a register.</summary>
    /// <param name="offset">Byte offset, a multiple of the value's size.</param>
    /// <typeparam name="T">A number of 1, 2, 4 or 8 bytes.</typeparam>
    /// <exception cref="IOException">The host refuses the access, such as beyond the BAR.</exception>
    public T Read<T>(ulong offset) where T : unmanaged
    {
        T value = default;
        Span<byte> bytes = MemoryMarshal.AsBytes(new Span<T>(ref value));
        if (Find(offset, bytes.Length) is { } memory) return memory.Memory.Read<T>(offset - memory.Start);
        ReadBytes(offset, bytes);
        return value;
    }

    /// <summary>Writes a register. Stores to a mapped BAR stay in their order.</summary>
    /// <param name="offset">Byte offset, a multiple of the value's size.</param>
    /// <param name="value">The value.</param>
    /// <typeparam name="T">A number of 1, 2, 4 or 8 bytes.</typeparam>
    /// <exception cref="IOException">The host refuses the access, such as beyond the BAR.</exception>
    public void Write<T>(ulong offset, T value) where T : unmanaged
    {
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(new ReadOnlySpan<T>(ref value));
        if (Find(offset, bytes.Length) is { } memory) memory.Memory.Write(offset - memory.Start, value);
        else WriteBytes(offset, bytes);
    }

    /// <summary>
    /// Writes a descriptor to a portal: 64 bytes that the device takes whole. It is one store where the processor has
    /// one; elsewhere the first 8 bytes are stored last, by which the software machine tells that a descriptor is
    /// complete.
    /// </summary>
    /// <param name="offset">Byte offset, a multiple of 64.</param>
    /// <param name="line">The 64 bytes.</param>
    /// <exception cref="IOException">The host refuses the write, or the portal takes no descriptor now.</exception>
    public void WriteLine(ulong offset, ReadOnlySpan<byte> line)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(line.Length, LineSize);
        ArgumentOutOfRangeException.ThrowIfNotEqual(offset % LineSize, 0UL);
        if (Find(offset, line.Length) is not { } area)
        {
            WriteBytes(offset, line);
            return;
        }

        ulong at = offset - area.Start;
        if (Vector512.IsHardwareAccelerated)
        {
            area.Memory.Write(at, Vector512.Create(line));
            return;
        }

        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(line);
        for (int i = words.Length - 1; i >= 0; i--) area.Memory.Write(at + (ulong)(i * sizeof(ulong)), words[i]);
    }

    /// <summary>Unmaps the BAR.</summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Reads bytes by a call.</summary>
    private protected abstract void ReadBytes(ulong offset, Span<byte> destination);

    /// <summary>Writes bytes by a call.</summary>
    private protected abstract void WriteBytes(ulong offset, ReadOnlySpan<byte> source);

    /// <summary>Unmaps the BAR, once.</summary>
    protected virtual void Dispose(bool disposing)
    {
        if (!disposing) return;
        foreach ((_, MappedRegion memory) in _mapped) memory.Dispose();
    }

    private (ulong Start, MappedRegion Memory)? Find(ulong offset, int length)
    {
        foreach ((ulong Start, MappedRegion Memory) area in _mapped)
        {
            ulong within = unchecked(offset - area.Start);
            if (within < area.Memory.Length && (ulong)length <= area.Memory.Length - within) return area;
        }

        return null;
    }
}

/// <summary>A BAR of a VFIO device: mapped where the device permits it.</summary>
internal sealed class VfioBar : DriverBar
{
    private readonly VfioRegion _region;

    internal VfioBar(VfioRegion region, bool maps) : base(region.Size, maps ? Map(region) : []) => _region = region;

    private protected override void ReadBytes(ulong offset, Span<byte> destination) =>
        _region.Read(offset, destination);

    private protected override void WriteBytes(ulong offset, ReadOnlySpan<byte> source) =>
        _region.Write(offset, source);

    private static (ulong Start, MappedRegion Memory)[] Map(VfioRegion region) =>
        [.. region.Areas.Where(area => area.Length > 0)
            .Select(area => (area.Offset, region.Map(area.Offset, area.Length)))];
}
