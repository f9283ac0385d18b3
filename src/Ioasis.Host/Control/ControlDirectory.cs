using System.Globalization;
using Ioasis.Abi;
using Ioasis.Linux.Files;
using Ioasis.Linux.Processes;

namespace Ioasis.Host.Control;

/// <summary>
/// Where running programs can be asked about: a socket for each, in a directory of the user's own. It is held open:
/// what is done in it is done in the directory that was checked, whatever its path leads to later.
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

    /// <summary>Opens the directory; makes it if it is not there.</summary>
    /// <exception cref="IOException">It is no directory of the user's alone, or the host cannot.</exception>
    public static ControlDirectory Open() => Open(
        Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR") is { Length: > 0 } runtime && Directory.Exists(runtime)
            ? System.IO.Path.Combine(runtime, "ioasis")
            : System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"ioasis-{Environment.UserName}"));

    /// <summary>The same at a path.</summary>
    /// <exception cref="IOException">As above.</exception>
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

    /// <summary>Opens the socket of a program for those who ask.</summary>
    /// <exception cref="IOException">The host cannot, or one that is alive has that name.</exception>
    public FileDescriptor Listen(int program)
    {
        // Under another name first: who finds one that refuses takes it for a dead one's, and away.
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
    /// Connects to a program's socket. One that nobody listens at any more, as after a kill -9, is taken away.
    /// </summary>
    public Errno Connect(int program, out FileDescriptor socket)
    {
        Errno errno = SysSockets.Connect(PathOf(program), out socket);
        if (errno == Errno.ECONNREFUSED) Remove(program);
        return errno;
    }

    /// <summary>Takes a program's socket away.</summary>
    public void Remove(int program) => SysFiles.Remove(PathOf(program));

    /// <summary>The programs that can be asked about. What dead ones left is taken away.</summary>
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

/// <summary>Why a program cannot be asked about.</summary>
internal sealed class ControlException(Errno errno, string message) : IOException(message)
{
    /// <summary>Whether it may go by itself: the host has no descriptor or memory to give now.</summary>
    public bool IsTransient => errno is Errno.EMFILE or Errno.ENFILE or Errno.ENOMEM or Errno.EAGAIN;
}
