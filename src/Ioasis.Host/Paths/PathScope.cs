namespace Ioasis.Host.Paths;

/// <summary>The rules of a look-up: flags of open(2), stat(2) and the like, and resolve bits of openat2(2).</summary>
/// <param name="Follow">Whether a link at the end of the path is followed.</param>
/// <param name="Resolve">The resolve bits of openat2(2).</param>
internal readonly record struct PathScope(bool Follow, ulong Resolve = 0)
{
    /// <summary>Crosses no mount point.</summary>
    public const ulong RESOLVE_NO_XDEV = 1;

    /// <summary>Follows no link of /proc that leads to a file rather than to a path.</summary>
    public const ulong RESOLVE_NO_MAGICLINKS = 2;

    /// <summary>Follows no link.</summary>
    public const ulong RESOLVE_NO_SYMLINKS = 4;

    /// <summary>The path stays below the directory that it starts from.</summary>
    public const ulong RESOLVE_BENEATH = 8;

    /// <summary>The directory that it starts from is the root for this path.</summary>
    public const ulong RESOLVE_IN_ROOT = 16;

    /// <summary>Fails rather than wait.</summary>
    public const ulong RESOLVE_CACHED = 32;

    /// <summary>All bits of Linux 7.2.</summary>
    public const ulong ValidResolve = 0x3f;

    public bool NoLinks => (Resolve & RESOLVE_NO_SYMLINKS) != 0;

    public bool Beneath => (Resolve & RESOLVE_BENEATH) != 0;

    public bool InRoot => (Resolve & RESOLVE_IN_ROOT) != 0;

    public bool OneMount => (Resolve & RESOLVE_NO_XDEV) != 0;

    /// <summary>Whether an absolute path may go through a link such as /proc/self/root.</summary>
    public bool MayFollowMagicLinks => (Resolve & (RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS
        | RESOLVE_BENEATH | RESOLVE_IN_ROOT)) == 0;

    public static implicit operator PathScope(bool follow) => new(follow);
}
