using System.Globalization;
using System.Text;
using Ioasis.Abi;
using Ioasis.Linux.Files;
using Ioasis.Linux.Processes;
using Ioasis.Linux.Seccomp;
using Ioasis.Memory.Threads;

namespace Ioasis.Host.Callers;

/// <summary>
/// The rights of a stopped call's caller. This class alone decides whether we touch the host for a caller, with whose
/// rights, and whether a file of ours admits it. It remembers nothing about a caller: the caller's thread waits, so
/// what is read about it holds until the answer.
/// </summary>
internal sealed class CallersRights
{
    private const int StackSize = 256 * 1024;

    private readonly Func<ulong, bool> _isValid;
    private readonly CallerCredentials? _own;
    private readonly (ulong Inode, ulong Mount, uint Major, uint Minor) _root;
    private readonly string?[] _places;
    private volatile bool _landlocked;

    /// <param name="listener">Tells whether a call still waits.</param>
    public CallersRights(SeccompListener listener) : this(listener.IsValid)
    {
    }

    internal CallersRights(Func<ulong, bool> isValid)
    {
        _isValid = isValid;
        int own = Environment.ProcessId;
        CallerCredentials.TryRead(own, out _own);
        TryReadRoot(own, out _root);
        _places = PlacesOf(own);
    }

    /// <summary>
    /// Notes that a program restricts itself by Landlock. Only the kernel knows what its rules permit and which threads
    /// have them. So from here on no caller reaches the host through us.
    /// </summary>
    public void NoteLandlock() => _landlocked = true;

    /// <summary>Whether a thread sees the same files as we: the same root directory on the same mount.</summary>
    public bool SharesRoot(int thread) => TryReadRoot(thread, out var root) && root == _root;

    /// <summary>
    /// Runs an action on the host's files with exactly the caller's rights. Runs it directly if they equal ours;
    /// otherwise on a thread that takes on the caller's rights and then ends.
    /// </summary>
    /// <param name="call">The call.</param>
    /// <param name="real">Whether the caller's real IDs apply, as for access(2).</param>
    /// <param name="act">The action. It may wait.</param>
    /// <returns>
    /// EACCES if the caller has another root, namespace or security label, or its rights cannot be read or taken on.
    /// </returns>
    public Errno Act(in SeccompNotif call, bool real, Func<Errno> act)
    {
        int thread = (int)call.Pid;
        if (_landlocked || _own is null) return Errno.EACCES;
        if (!CallerCredentials.TryRead(thread, out CallerCredentials? theirs)) return Errno.EACCES;
        if (!SharesRoot(thread) || !PlacesOf(thread).AsSpan().SequenceEqual(_places)) return Errno.EACCES;
        // A valid call proves that the ID meant the caller.
        if (!_isValid(call.Id)) return Errno.EACCES;
        theirs = (real ? theirs!.ForRealIds() : theirs!).Within(_own.Effective);
        return theirs.HasRightsOf(_own) ? act() : ActAs(theirs, act);
    }

    /// <summary>Whether a file of ours permits an access to a caller.</summary>
    /// <param name="call">The call.</param>
    /// <param name="owner">Owner, group and mode of the file.</param>
    /// <param name="wanted">MAY_* bits of <see cref="FilePermission"/>.</param>
    /// <param name="real">Whether the caller's real IDs apply.</param>
    public bool Permits(in SeccompNotif call, in FileOwner owner, uint wanted, bool real = false) =>
        FilePermission.IsEverybodys(owner.Mode, wanted)
        || (TryRead(call, owner, out CallerCredentials? who)
            && FilePermission.Permits(real ? who!.ForRealIds() : who!, owner, wanted));

    /// <summary>
    /// The caller's credentials toward a file of ours. Capabilities in another user namespace apply if that namespace
    /// maps the file's owner and group.
    /// </summary>
    public bool TryRead(in SeccompNotif call, in FileOwner owner, out CallerCredentials? who)
    {
        int thread = (int)call.Pid;
        if (!CallerCredentials.TryRead(thread, out who)) return false;
        if (UserNamespaceOf(thread) != _places[0]
            && !(Knows(thread, "uid_map", owner.User) && Knows(thread, "gid_map", owner.Group)))
            who = who!.Within(0);
        return _isValid(call.Id);
    }

    /// <summary>
    /// Whether a thread sees the same /proc as we, so that numbers in its paths have the same meaning for us.
    /// </summary>
    public static bool SeesOurProc(int thread) =>
        SysFiles.Stat(string.Create(CultureInfo.InvariantCulture, $"/proc/{thread}/root/proc"), follow: true,
            out LinuxStat theirs) == Errno.None
        && SysFiles.Stat("/proc", follow: true, out LinuxStat ours) == Errno.None && theirs.Dev == ours.Dev;

    /// <summary>
    /// Whether the text of a uid_map or gid_map (user_namespaces(7)) maps an ID. The ID is in the reader's namespace.
    /// </summary>
    internal static bool Maps(string text, uint id)
    {
        foreach (string line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words.Length == 3 && uint.TryParse(words[1], CultureInfo.InvariantCulture, out uint first)
                && uint.TryParse(words[2], CultureInfo.InvariantCulture, out uint count)
                && id >= first && id - first < count)
                return true;
        }

        return false;
    }

    // A new thread for each action: its rights never have to be restored, so none can remain by mistake.
    private static Errno ActAs(CallerCredentials who, Func<Errno> act)
    {
        Errno errno = Errno.EACCES;
        Exception? failure = null;
        Thread? thread = HostThread.TryStart("ioasis as caller", Run, e => failure = e, StackSize);
        if (thread is null) return Errno.ENOMEM;
        thread.Join();
        SysCredentials.BecomeDumpable();
        return failure is null ? errno : throw new IOException("serving a caller with its own rights failed", failure);

        void Run()
        {
            if (SysCredentials.TakeOn(who.User, who.Group, who.Groups, who.Effective)) errno = act();
        }
    }

    private static bool TryReadRoot(int thread, out (ulong Inode, ulong Mount, uint Major, uint Minor) root)
    {
        bool ok = SysPaths.Statx(string.Create(CultureInfo.InvariantCulture, $"/proc/{thread}/root"),
            out LinuxStatx stat) == Errno.None
            && (stat.Mask & LinuxStatx.MountIdKnown) != 0;
        root = (stat.Ino, stat.MountId, stat.DevMajor, stat.DevMinor);
        return ok;
    }

    // The user namespace comes first; then the mount namespace, and the thread's label of a security module, if any.
    private static string?[] PlacesOf(int thread) =>
    [
        UserNamespaceOf(thread),
        LinkText(string.Create(CultureInfo.InvariantCulture, $"/proc/{thread}/ns/mnt")),
        Text(string.Create(CultureInfo.InvariantCulture, $"/proc/{thread}/attr/current")),
    ];

    private static string? UserNamespaceOf(int thread) =>
        LinkText(string.Create(CultureInfo.InvariantCulture, $"/proc/{thread}/ns/user"));

    private static bool Knows(int thread, string map, uint id) =>
        Text(string.Create(CultureInfo.InvariantCulture, $"/proc/{thread}/{map}")) is string text && Maps(text, id);

    private static string? LinkText(string path)
    {
        Span<byte> text = stackalloc byte[128];
        SysResult got = SysFiles.ReadLink(path, text);
        return got.IsOk ? Encoding.Latin1.GetString(text[..(int)got.Value]) : null;
    }

    private static string? Text(string path)
    {
        if (SysFiles.Open(path, FcntlH.O_RDONLY, out FileDescriptor file) != Errno.None) return null;
        using (file)
        {
            Span<byte> text = stackalloc byte[4096];
            SysResult got = SysFiles.Read(file, text);
            return got.IsOk ? Encoding.Latin1.GetString(text[..(int)got.Value]) : null;
        }
    }
}
