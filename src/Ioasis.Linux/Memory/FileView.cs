namespace Ioasis.Linux.Memory;

/// <summary>A part of a held file, mapped into our process, and how many use it.</summary>
/// <param name="bytes">The bytes. The view disposes of them.</param>
/// <param name="first">Offset in the file of the first byte.</param>
/// <param name="isPart">Whether the view was made for one user alone.</param>
internal sealed class FileView(MappedFile bytes, ulong first, bool isPart)
{
    /// <summary>Whether the view was made for one user alone.</summary>
    internal bool IsPart => isPart;

    /// <summary>The number of users. The held file counts them under its lock.</summary>
    internal int Users { get; set; }

    /// <summary>Bytes in the view.</summary>
    internal ulong Length => bytes.Length;

    /// <summary>Whether an access of a page that the file has lost goes on, with a page of zeros.</summary>
    internal bool IsGuarded => bytes.IsGuarded;

    /// <summary>Whether no page was replaced. Only then may a new mapping use the view.</summary>
    internal bool IsIntact => bytes.IsIntact;

    /// <summary>Address in our process of a byte of the file, which lies in the view.</summary>
    internal nint AddressOf(ulong offset) => bytes.Address + (nint)(offset - first);

    /// <summary>Unmaps the view. Nothing uses it any more.</summary>
    internal void Free() => bytes.Dispose();
}
