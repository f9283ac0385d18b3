using System.Runtime.InteropServices;

namespace Ioasis.Iommufd.Files;

/// <summary>What an ioctl is called, and what its argument leads to.</summary>
/// <param name="Name">Its name in the headers.</param>
/// <param name="Structure">The struct; null if the argument is a number, or unused.</param>
public sealed record IoctlShape(string Name, Type? Structure = null)
{
    /// <summary>Bytes of the struct; 0 for none.</summary>
    internal int Size { get; } = Structure is null ? 0 : Marshal.SizeOf(Structure);
}
