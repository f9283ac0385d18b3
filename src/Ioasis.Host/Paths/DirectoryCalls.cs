using System.Text;
using Ioasis.Abi;
using Ioasis.Host.Callers;
using Ioasis.Host.Serving;
using Ioasis.Linux.Files;

namespace Ioasis.Host.Paths;

/// <summary>chdir(2) to a directory that the kernel cannot find, and getcwd(2) in such a directory.</summary>
internal sealed class DirectoryCalls(
    PathLookup lookup, StandIns standIns, NodeStat stats, HostFiles hosts, CallersRights rights, CallerMemory memory,
    DirectoryChanges changes)
{
    /// <summary>chdir(2).</summary>
    public Answer Change(in SeccompNotif call, ServerThread server, ulong path)
    {
        Resolution found = lookup.Resolve(call, server, FcntlH.AT_FDCWD, path, true);
        if (found.Errno != Errno.None) return found.Errno;
        if (found.IsHosts || found.IsHostsDirectory) return Answer.Continue;
        const int Flags = FcntlH.O_RDONLY | FcntlH.O_DIRECTORY;
        FileDescriptor? directory;
        Errno errno;
        if (found.Node is PathNode node && !found.IsHostsNode)
        {
            if (!node.IsDirectory) return Errno.ENOTDIR;
            if (!rights.Permits(call, stats.OwnerOf(node), FilePermission.MAY_EXEC)) return Errno.EACCES;
            errno = standIns.TryMake(node, rights.SharesRoot((int)call.Pid), out string standIn);
            if (errno != Errno.None) return errno;
            errno = SysFiles.Open(standIn, Flags, out directory);
        }
        else
        {
            errno = hosts.Open(call, found.HostPath ?? found.Node!.Path, Flags, out directory);
        }

        if (errno != Errno.None) return errno;
        using (directory) return changes.Answer(call, directory!);
    }

    /// <summary>getcwd(2). The result is the length of the path with its NUL.</summary>
    public Answer Tell(in SeccompNotif call, ulong buffer, ulong size)
    {
        if (!lookup.TryFindWorkingDirectory(call, out string? path)) return Answer.Continue;
        byte[] text = Encoding.Latin1.GetBytes(path + '\0');
        if ((ulong)text.Length > size) return Errno.ERANGE;
        Errno errno = memory.Write(call, buffer, text);
        return errno == Errno.None ? SysResult.Ok(text.Length) : errno;
    }
}
