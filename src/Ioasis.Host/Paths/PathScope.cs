namespace Ioasis.Host.Paths;

/// <summary>
/// How a path is looked up: what open(2), stat(2) and the like say by their flags, and openat2(2) by its resolve bits.
/// </summary>
/// <param name="Follow">Whether a link at the end of the path is followed.</param>
/// <param name="Resolve">The resolve bits of openat2(2).</param>
internal readonly record struct PathScope(bool Follow, ulong Resolve = 0)
{
    /// <summary>No mount point is crossed.</summary>
    public const ulong RESOLVE_NO_XDEV = 1;

    /// <summary>No link is followed.</summary>
    public const ulong RESOLVE_NO_SYMLINKS = 4;

    /// <summary>The path stays below the directory that it starts from.</summary>
    public const ulong RESOLVE_BENEATH = 8;

    /// <summary>That directory is the root for this path.</summary>
    public const ulong RESOLVE_IN_ROOT = 16;

    /// <summary>Only what needs no waiting.</summary>
    public const ulong RESOLVE_CACHED = 32;

    /// <summary>All that Linux 7.2 knows.</summary>
    public const ulong ValidResolve = 0x3f;

    public bool NoLinks => (Resolve & RESOLVE_NO_SYMLINKS) != 0;

    public bool Beneath => (Resolve & RESOLVE_BENEATH) != 0;

    public bool InRoot => (Resolve & RESOLVE_IN_ROOT) != 0;

    public bool OneMount => (Resolve & RESOLVE_NO_XDEV) != 0;

    public static implicit operator PathScope(bool follow) => new(follow);
}
