using Ioasis.Abi;
using Ioasis.Linux.Files;

namespace Ioasis.Host.Callers;

/// <summary>Linux's permission rules (generic_permission, setattr_prepare), for files that we serve.</summary>
internal static class FilePermission
{
    public const uint MAY_EXEC = 1, MAY_WRITE = 2, MAY_READ = 4;

    private const int CAP_CHOWN = 0, CAP_DAC_OVERRIDE = 1, CAP_DAC_READ_SEARCH = 2, CAP_FOWNER = 3, CAP_FSETID = 4;
    private const uint Unchanged = uint.MaxValue;

    /// <summary>Whether everybody has the access, so the caller's identity does not matter.</summary>
    /// <param name="mode">The mode, as in st_mode.</param>
    /// <param name="wanted">MAY_READ, MAY_WRITE, MAY_EXEC.</param>
    public static bool IsEverybodys(uint mode, uint wanted) => (wanted & ~(mode & (mode >> 3) & (mode >> 6))) == 0;

    /// <summary>Whether a thread has the access.</summary>
    /// <param name="who">The thread. Its capabilities are those that apply to this file.</param>
    /// <param name="owner">The file's owner, group and mode.</param>
    /// <param name="wanted">MAY_READ, MAY_WRITE, MAY_EXEC.</param>
    public static bool Permits(CallerCredentials who, in FileOwner owner, uint wanted)
    {
        uint bits = who.User == owner.User ? owner.Mode >> 6 : who.IsIn(owner.Group) ? owner.Mode >> 3 : owner.Mode;
        if ((wanted & ~bits & 7) == 0) return true;
        bool isDirectory = (owner.Mode & StatMode.S_IFMT) == StatMode.S_IFDIR;
        bool reads = isDirectory ? (wanted & MAY_WRITE) == 0 : wanted == MAY_READ;
        if (reads && who.HasCapability(CAP_DAC_READ_SEARCH)) return true;
        // Even root cannot execute a file without any execute bit.
        return (isDirectory || (wanted & MAY_EXEC) == 0 || (owner.Mode & StatMode.S_IXUGO) != 0)
            && who.HasCapability(CAP_DAC_OVERRIDE);
    }

    /// <summary>Whether a thread has the rights of the file's owner.</summary>
    public static bool IsOwner(CallerCredentials who, in FileOwner owner) =>
        who.User == owner.User || who.HasCapability(CAP_FOWNER);

    /// <summary>chmod(2).</summary>
    public static Errno TryChangeMode(CallerCredentials who, ref FileOwner owner, uint mode)
    {
        if (!IsOwner(who, owner)) return Errno.EPERM;
        mode &= StatMode.S_IALLUGO;
        if (!who.IsIn(owner.Group) && !who.HasCapability(CAP_FSETID)) mode &= ~StatMode.S_ISGID;
        owner = owner with { Mode = (owner.Mode & StatMode.S_IFMT) | mode };
        return Errno.None;
    }

    /// <summary>chown(2). An ID of -1 leaves the old one.</summary>
    public static Errno TryChangeOwner(CallerCredentials who, ref FileOwner owner, uint user, uint group)
    {
        bool owns = who.User == owner.User, may = who.HasCapability(CAP_CHOWN);
        if (user != Unchanged && !may && !(owns && user == owner.User)) return Errno.EPERM;
        if (group != Unchanged && !may && !(owns && (group == owner.Group || who.IsIn(group)))) return Errno.EPERM;
        uint mode = owner.Mode;
        if ((mode & StatMode.S_IFMT) != StatMode.S_IFDIR)
        {
            mode &= ~StatMode.S_ISUID;
            if ((mode & StatMode.S_IXGRP) != 0) mode &= ~StatMode.S_ISGID;
        }

        owner = new FileOwner(user == Unchanged ? owner.User : user, group == Unchanged ? owner.Group : group, mode);
        return Errno.None;
    }
}

/// <summary>Owner and group of a file, and its st_mode.</summary>
internal readonly record struct FileOwner(uint User, uint Group, uint Mode);
