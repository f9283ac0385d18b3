namespace Ioasis.Differential.Calls;

/// <summary>An ioctl that sequences may contain.</summary>
/// <param name="Name">What sequences call it.</param>
/// <param name="OnDevice">Whether it goes to a VFIO device rather than to /dev/iommu.</param>
/// <param name="Request">Its number.</param>
/// <param name="Size">Bytes of its structure.</param>
/// <param name="Fields">The structure's fields, the one with the size first.</param>
public sealed record CallKind(string Name, bool OnDevice, uint Request, int Size, IReadOnlyList<CallField> Fields);

/// <summary>A field of an ioctl's structure.</summary>
/// <param name="Name">As Linux calls it.</param>
/// <param name="Offset">Where it is, in bytes.</param>
/// <param name="Width">Bytes; of more than 8 a sequence can set the first 8.</param>
public sealed record CallField(string Name, int Offset, int Width);
