namespace Ioasis.Replay.Calls;

/// <summary>An ioctl that sequences may contain.</summary>
/// <param name="Name">What sequences call it.</param>
/// <param name="Target">What it goes to.</param>
/// <param name="Request">Its number.</param>
/// <param name="Size">Bytes of its structure; 0 where the argument is a number, or text.</param>
/// <param name="Fields">The structure's fields, the one with the size first.</param>
public sealed record CallKind(string Name, CallTarget Target, uint Request, int Size, IReadOnlyList<CallField> Fields);

/// <summary>What an ioctl goes to. The values are player.c's.</summary>
public enum CallTarget
{
    /// <summary>An open /dev/iommu.</summary>
    Context,

    /// <summary>A VFIO device.</summary>
    Device,

    /// <summary>A VFIO group.</summary>
    Group,

    /// <summary>A vDPA device.</summary>
    Vdpa,
}

/// <summary>A field of an ioctl's structure.</summary>
/// <param name="Name">As Linux calls it.</param>
/// <param name="Offset">Where it is, in bytes.</param>
/// <param name="Width">Bytes; of more than 8 a sequence can set the first 8.</param>
public sealed record CallField(string Name, int Offset, int Width);
