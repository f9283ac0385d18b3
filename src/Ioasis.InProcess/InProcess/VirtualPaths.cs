using Ioasis.Abi;
using Ioasis.Machine;
using Ioasis.Machine.Nodes;

namespace Ioasis.Client.InProcess;

/// <summary>Looks up paths among those that a machine serves, and follows links as the kernel does.</summary>
internal sealed class VirtualPaths(SoftwareMachine machine)
{
    private const int MaxLinks = 40; // Linux's MAXSYMLINKS

    internal Errno TryResolve(string path, out VirtualPath? found)
    {
        found = null;
        IReadOnlyDictionary<string, VirtualPath> paths = machine.Paths;
        var left = new Stack<string>(Parts(path).Reverse());
        string at = "";
        int links = 0;
        while (left.TryPop(out string? part))
        {
            if (part == ".") continue;
            string next = part == ".." ? Parent(at) : $"{at}/{part}";
            if (paths.TryGetValue(next, out VirtualPath? entry) && entry is VirtualLink link)
            {
                if (++links > MaxLinks) return Errno.ELOOP;
                if (link.Target.StartsWith('/')) at = "";
                foreach (string target in Parts(link.Target).Reverse()) left.Push(target);
                continue;
            }

            if (left.Count > 0 && entry is not (null or VirtualDirectory)) return Errno.ENOTDIR;
            at = next;
        }

        return paths.TryGetValue(at, out found) ? Errno.None : Errno.ENOENT;
    }

    internal Errno TryList(string path, out IReadOnlyList<string> names)
    {
        names = [];
        Errno errno = TryResolve(path, out VirtualPath? found);
        if (errno != Errno.None) return errno;
        if (found is not VirtualDirectory directory) return Errno.ENOTDIR;
        names = [.. machine.Paths.Keys.Where(p => p.Length > directory.Path.Length && Parent(p) == directory.Path)
            .Select(p => p[(directory.Path.Length + 1)..]).Order(StringComparer.Ordinal)];
        return Errno.None;
    }

    private static string[] Parts(string path) => path.Split('/', StringSplitOptions.RemoveEmptyEntries);

    private static string Parent(string path) => path[..Math.Max(0, path.LastIndexOf('/'))];
}
