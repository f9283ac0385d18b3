using System.Globalization;
using Ioasis.Abi;
using Ioasis.Linux.Files;
using Ioasis.Linux.Processes;

namespace Ioasis.Host.Control;

/// <summary>
/// The directory of control sockets, one per running program; only the user may enter it. It is held open, so that all
/// operations use the directory that was checked, whatever its path leads to later.
/// </summary>
internal sealed class ControlDirectory : IDisposable
{
    private const uint OwnersOnly = 0x1c0, Permissions = 0x1ff; // 0700 of 0777
    private const string Suffix = ".sock";

    private readonly FileDescriptor _directory;

    private ControlDirectory(string path, FileDescriptor directory)
    {
        Path = path;
        _directory = directory;
    }

    /// <summary>Its path, for messages.</summary>
    public string Path { get; }

    /// <summary>Opens the user's directory; makes it if necessary.</summary>
    /// <exception cref="IOException">Others can access the directory, or the host cannot make it.</exception>
    public static ControlDirectory Open() => Open(
        Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR") is { Length: > 0 } runtime && Directory.Exists(runtime)
            ? System.IO.Path.Combine(runtime, "ioasis")
            : System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"ioasis-{Environment.UserName}"));

    /// <summary>Opens the directory at a path; makes it if necessary.</summary>
    /// <exception cref="IOException">Others can access the directory, or the host cannot make it.</exception>
    public static ControlDirectory Open(string path)
    {
        Errno errno = SysFiles.MakeDirectory(path, OwnersOnly);
        if (errno is not (Errno.None or Errno.EEXIST))
            throw new ControlException(errno, $"{path} cannot be made ({errno})");
        errno = SysFiles.Open(path, FcntlH.O_RDONLY | FcntlH.O_DIRECTORY | FcntlH.O_NOFOLLOW,
            out FileDescriptor directory);
        if (errno is Errno.ELOOP or Errno.ENOTDIR)
            throw new ControlException(errno, $"{path} is a link or a file, and no directory; remove it");
        if (errno != Errno.None) throw new ControlException(errno, $"{path} cannot be opened ({errno})");
        errno = SysFiles.Stat(directory, out LinuxStat stat);
        string? wrong = errno != Errno.None ? $"{path} cannot be looked at ({errno})"
            : stat.Uid != SysProcesses.EffectiveUser
                ? $"{path} belongs to another user (ID {stat.Uid}), who could answer in its place; it is not used"
            : (stat.Mode & Permissions) != OwnersOnly ? $"{path} can be entered by others than its owner; remove it"
            : null;
        if (wrong is null) return new ControlDirectory(path, directory);
        directory.Dispose();
        throw new ControlException(errno == Errno.None ? Errno.EACCES : errno, wrong);
    }

    /// <summary>Makes the socket of a program and listens.</summary>
    /// <exception cref="IOException">The host cannot, or a living supervisor has the name.</exception>
    public FileDescriptor Listen(int program)
    {
        // Under another name first: a client that finds a socket without a listener takes it for a dead one and removes
        // it.
        string socket = PathOf(program), unfinished = $"{PathOfDirectory}/{NameOf(program)}.new";
        if (IsAlive(program))
            throw new ControlException(Errno.EADDRINUSE,
                $"{Path}/{NameOf(program)} is another supervisor's, in another PID namespace");
        SysFiles.Remove(unfinished);
        Errno errno = SysSockets.Listen(unfinished, out FileDescriptor listener);
        if (errno != Errno.None)
            throw new ControlException(errno, $"{Path}/{NameOf(program)} cannot be made ({errno})");
        errno = SysFiles.Rename(unfinished, socket);
        if (errno == Errno.None) return listener;
        listener.Dispose();
        SysFiles.Remove(unfinished);
        throw new ControlException(errno, $"{Path}/{NameOf(program)} cannot be made ({errno})");
    }

    /// <summary>
    /// Connects to a program's socket. Removes a socket without a listener, which a kill -9 leaves behind.
    /// </summary>
    public Errno Connect(int program, out FileDescriptor socket)
    {
        Errno errno = SysSockets.Connect(PathOf(program), out socket);
        if (errno == Errno.ECONNREFUSED) Remove(program);
        return errno;
    }

    /// <summary>Removes a program's socket.</summary>
    public void Remove(int program) => SysFiles.Remove(PathOf(program));

    /// <summary>The programs that have a living supervisor. Removes sockets of dead ones.</summary>
    public IReadOnlyList<int> FindPrograms() =>
    [
        .. Directory.GetFiles(PathOfDirectory, "*" + Suffix)
            .Select(f => int.TryParse(System.IO.Path.GetFileNameWithoutExtension(f), NumberStyles.None,
                CultureInfo.InvariantCulture, out int pid) ? pid : 0)
            .Where(pid => pid != 0 && IsAlive(pid)).Order(),
    ];

    public void Dispose() => _directory.Dispose();

    private string PathOfDirectory => string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{_directory.Number}");

    private bool IsAlive(int program)
    {
        Errno errno = Connect(program, out FileDescriptor socket);
        if (errno == Errno.None) socket.Dispose();
        return errno is Errno.None or Errno.EAGAIN;
    }

    private string PathOf(int program) => $"{PathOfDirectory}/{NameOf(program)}";

    private static string NameOf(int program) => string.Create(CultureInfo.InvariantCulture, $"{program}{Suffix}");
}

/// <summary>Why a program's supervisor cannot be asked.</summary>
internal sealed class ControlException(Errno errno, string message) : IOException(message)
{
    /// <summary>Whether a retry may help: the host lacks a descriptor or memory now.</summary>
    public bool IsTransient => errno is Errno.EMFILE or Errno.ENFILE or Errno.ENOMEM or Errno.EAGAIN;
}
