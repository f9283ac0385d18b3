using System.Runtime.InteropServices;

namespace Ioasis.Client.Drivers;

/// <summary>
/// A memory BAR. Each access has the value's width, and the device sees each. A BAR that is mapped is accessed by loads
/// and stores; the rest of it by calls.
/// </summary>
public abstract class DriverBar : IDisposable
{
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

    internal VfioBar(VfioRegion region) : base(region.Size, Map(region)) => _region = region;

    private protected override void ReadBytes(ulong offset, Span<byte> destination) =>
        _region.Read(offset, destination);

    private protected override void WriteBytes(ulong offset, ReadOnlySpan<byte> source) =>
        _region.Write(offset, source);

    private static (ulong Start, MappedRegion Memory)[] Map(VfioRegion region) =>
        [.. region.Areas.Where(area => area.Size > 0)
            .Select(area => (area.Offset, region.Map(area.Offset, area.Size)))];
}
