using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using Ioasis.Abi;
using Ioasis.Host.Callers;
using Ioasis.Host.Devices;
using Ioasis.Host.Serving;
using Ioasis.Linux.Files;
using Ioasis.Linux.Memory;

namespace Ioasis.Host.Paths;

/// <summary>
/// Finds the file that a call is about, by its path or by a descriptor. What is read by the caller's thread ID is
/// either verified before it is used (<see cref="CallersRights"/>, <see cref="CallerMemory"/>), or leads only to files
/// that the answer installs by the call's ID.
/// </summary>
internal sealed class PathLookup(
    CurrentPaths paths, StandIns standIns, NamedFiles names, OpenFiles files, HostFiles hosts,
    CallersRights rights, NodeStat stats)
{
    private readonly CanonicalPath _canonical = hosts.Canonical;

    /// <summary>Whether no open file can be ours.</summary>
    public bool HasNoneOpen => files.IsEmpty && standIns.Device == 0 && names.Device == 0;

    /// <summary>Whether no working directory can be ours.</summary>
    public bool HasNoDirectories => standIns.Device == 0;

    /// <summary>Resolves the path of a call.</summary>
    /// <param name="call">The call.</param>
    /// <param name="server">The thread that serves it.</param>
    /// <param name="directory">The descriptor that a relative path starts from, or AT_FDCWD.</param>
    /// <param name="address">Address of the path in the caller's memory.</param>
    /// <param name="scope">The rules of the look-up.</param>
    public Resolution Resolve(in SeccompNotif call, ServerThread server, int directory, ulong address, PathScope scope)
    {
        int thread = (int)call.Pid;
        if (!PathArgument.TryRead(thread, address, server.Path, out ReadOnlySpan<byte> path) || path.IsEmpty)
            return Resolution.Hosts;
        bool absolute = path[0] == '/';
        PathTree tree = paths.Tree;
        // Linux opens a device anew through such a path; here the kernel would open the carrier.
        if (absolute && scope.Follow && !HasNoneOpen && TryFindDescriptor(call, path, out OpenThing open)
            && open.Node is not { IsDirectory: true })
            return Found(open);
        // The kernel goes through such a link to the directory itself, where it does not find our entries.
        bool linked = false;
        ReadOnlySpan<byte> rest = path;
        while (absolute && scope.MayFollowMagicLinks && ProcPath.TrySkipDirectory(ref rest, thread, out int linksTo)
            && CallersRights.SeesOurProc(thread))
        {
            linked = true;
            path = rest;
            directory = linksTo;
            absolute = path[0] == '/';
        }

        if (absolute && !scope.InRoot && !tree.MayHave(path)) return Resolution.Hosts;

        string? start = null;
        bool detour = false;
        if (!absolute || scope.InRoot)
        {
            start = PathArgument.DirectoryOf(thread, directory);
            if (start is null) return Resolution.Hosts;
            if (scope.Follow && !HasNoneOpen && start.StartsWith("/proc/", StringComparison.Ordinal)
                && TryFindDescriptor(call, Join(start, path), out open) && open.Node is not { IsDirectory: true })
                return Found(open);
            if (standIns.TryMapBack(start, out string? ours)) (start, detour) = (ours, true);
            else if (!tree.MayHave(start.AsSpan()) && path.IndexOf(".."u8) < 0) return Resolution.Hosts;
        }

        Span<char> text = stackalloc char[path.Length];
        int length = Encoding.Latin1.GetChars(path, text);
        SeccompNotif asked = call;
        Func<PathNode, bool>? mayPass = stats.HasChanged
            ? node => rights.Permits(asked, stats.OwnerOf(node), FilePermission.MAY_EXEC)
            : null;
        Resolution found = PathResolver.Resolve(
            tree, text[..length], start, detour, scope, _canonical, call, mayPass);
        return linked && found.Node is not null && !found.IsHostsNode
            ? Resolution.Of(found.Node, detour: true)
            : found;
    }

    /// <summary>The thing of ours behind a caller's descriptor or AT_FDCWD; false if it is not ours.</summary>
    public bool TryFind(in SeccompNotif call, int descriptor, out OpenThing thing)
    {
        thing = default;
        if (HasNoneOpen || (descriptor < 0 && descriptor != FcntlH.AT_FDCWD)) return false;
        return TryDescribe(LinkOf((int)call.Pid, descriptor), out thing);
    }

    /// <summary>Whether a descriptor of the caller stands for a queue, which has no path.</summary>
    public bool IsQueue(in SeccompNotif call, int descriptor) =>
        descriptor >= 0 && TryFindQueue(LinkOf((int)call.Pid, descriptor), out _);

    /// <summary>The path of the caller's working directory, if the directory is ours.</summary>
    public bool TryFindWorkingDirectory(in SeccompNotif call, [NotNullWhen(true)] out string? path)
    {
        path = null;
        return !HasNoDirectories && PathArgument.DirectoryOf((int)call.Pid, FcntlH.AT_FDCWD) is string directory
            && standIns.TryMapBack(directory, out path);
    }

    /// <summary>
    /// The text that a descriptor's link in /proc must have, if the path leads to such a link and the descriptor is one
    /// of ours.
    /// </summary>
    public string? DescriptorText(in SeccompNotif call, ServerThread server, int directory, ulong address)
    {
        if (HasNoneOpen || !PathArgument.TryRead((int)call.Pid, address, server.Path, out ReadOnlySpan<byte> path)
            || path.IsEmpty) return null;
        byte[]? whole = null;
        if (path[0] != '/')
        {
            string? start = PathArgument.DirectoryOf((int)call.Pid, directory);
            if (start?.StartsWith("/proc/", StringComparison.Ordinal) != true) return null;
            whole = Join(start, path);
        }

        if (DescriptorPath.TryParse(whole ?? path, (int)call.Pid, out bool byNumber) is not string link) return null;
        if (!MayLook(call, byNumber, link)) return null;
        if (TryFindQueue(link, out string? queue)) return "anon_inode:" + queue;
        return TryDescribe(link, out OpenThing thing) ? thing.Node?.Path ?? thing.HostPath : null;
    }

    /// <summary>Whether a path is empty or null. Since Linux 6.11 null counts as empty.</summary>
    public static bool IsEmpty(in SeccompNotif call, ulong path)
    {
        Span<byte> first = stackalloc byte[1];
        return path == 0 || (SysMemory.ReadProcess((int)call.Pid, path, first) == 1 && first[0] == 0);
    }

    private static byte[] Join(string start, ReadOnlySpan<byte> path) =>
        [.. Encoding.Latin1.GetBytes(start), (byte)'/', .. path];

    private static Resolution Found(in OpenThing open) =>
        open.Node is not null ? Resolution.Of(open.Node, detour: true) : Resolution.OfHost(open.HostPath!);

    private bool TryFindDescriptor(in SeccompNotif call, ReadOnlySpan<byte> path, out OpenThing open)
    {
        open = default;
        return DescriptorPath.TryParse(path, (int)call.Pid, out bool byNumber) is string link
            && MayLook(call, byNumber, link) && TryDescribe(link, out open);
    }

    // Not everybody may look at another process's descriptors.
    private bool MayLook(in SeccompNotif call, bool byNumber, string link) =>
        !byNumber || (CallersRights.SeesOurProc((int)call.Pid)
            && rights.Act(call, real: false, () => SysFiles.Stat(link, follow: true, out _)) == Errno.None);

    private bool TryFindQueue(string link, [NotNullWhen(true)] out string? name)
    {
        name = null;
        if (files.IsEmpty || SysFiles.Stat(link, follow: true, out LinuxStat stat) != Errno.None) return false;
        if (!files.TryHold(stat.Dev, stat.Ino, out OpenFile? open)) return false;
        if (open.Node is null) name = open.Name;
        open.Release();
        return name is not null;
    }

    private bool TryDescribe(string link, out OpenThing thing)
    {
        thing = default;
        if (SysFiles.Stat(link, follow: true, out LinuxStat stat) != Errno.None) return false;
        PathTree tree = paths.Tree;
        if (files.TryHold(stat.Dev, stat.Ino, out OpenFile? open))
        {
            string path = open.Name;
            open.Release();
            if (!tree.TryFind(path, out PathNode? device)) return false;
            thing = new OpenThing(device, null, IsName: false);
            return true;
        }

        bool named = stat.Dev == names.Device, directory = stat.Dev == standIns.Device;
        if (!(named || directory) || stat.Dev == 0 || PathArgument.ReadLink(link) is not string text) return false;
        string? ours;
        bool isName = false;
        if (!(named && names.TryRead(text, out ours, out isName))
            && !(directory && standIns.TryMapBack(text, out ours))) return false;
        if (tree.TryFind(ours, out PathNode? node)) thing = new OpenThing(node, null, isName);
        else if (isName) thing = new OpenThing(null, ours, isName);
        else return false;
        return true;
    }

    private static string LinkOf(int thread, int descriptor) => descriptor == FcntlH.AT_FDCWD
        ? string.Create(CultureInfo.InvariantCulture, $"/proc/{thread}/cwd")
        : string.Create(CultureInfo.InvariantCulture, $"/proc/{thread}/fd/{descriptor}");
}
