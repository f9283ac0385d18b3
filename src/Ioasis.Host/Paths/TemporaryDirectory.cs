using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Ioasis.Abi;
using Ioasis.Linux.Files;
using Ioasis.Linux.Processes;

namespace Ioasis.Host.Paths;

/// <summary>
/// A directory that no other user can enter, removed at the end. We lock it while we live. A later supervisor removes
/// directories without a lock, whose supervisors were killed.
/// </summary>
internal sealed class TemporaryDirectory : IDisposable
{
    private const string Prefix = "ioasis-";
    // 0700
    private const uint Private = 0x1C0;

    private readonly FileDescriptor _held;

    private TemporaryDirectory(string path, FileDescriptor held)
    {
        Path = path;
        _held = held;
    }

    /// <summary>Its canonical path, as the kernel shows it.</summary>
    public string Path { get; }

    /// <summary>Where one can be: those in memory first.</summary>
    public static IEnumerable<string> Parents
    {
        get
        {
            foreach (string? parent in (string?[])[Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR"), "/dev/shm",
                "/tmp"])
                if (!string.IsNullOrEmpty(parent) && Directory.Exists(parent)) yield return parent;
        }
    }

    /// <summary>Makes one, in memory if possible.</summary>
    public static bool TryCreate([NotNullWhen(true)] out TemporaryDirectory? directory)
    {
        foreach (string parent in Parents)
        {
            Sweep(parent);
            if (TryCreateIn(parent, out directory)) return true;
        }

        directory = null;
        return false;
    }

    public void Dispose()
    {
        TryRemove(Path);
        _held.Dispose();
    }

    private static bool TryCreateIn(string parent, [NotNullWhen(true)] out TemporaryDirectory? directory)
    {
        directory = null;
        string name = string.Create(
            CultureInfo.InvariantCulture, $"{Prefix}{Environment.ProcessId}-{Random.Shared.Next():x8}");
        string path = System.IO.Path.Combine(parent, name);
        if (SysFiles.MakeDirectory(path, Private) != Errno.None) return false;
        // Another supervisor may have removed it before we locked it. Then it cannot be opened.
        if (!TryLock(path, out FileDescriptor? held)) return false;
        Span<byte> text = stackalloc byte[4096];
        SysResult got = SysFiles.ReadLink($"/proc/self/fd/{held.Number}", text);
        directory = new TemporaryDirectory(
            got.IsOk ? System.Text.Encoding.UTF8.GetString(text[..(int)got.Value]) : path, held);
        return true;
    }

    private static void Sweep(string parent)
    {
        try
        {
            foreach (string path in Directory.EnumerateDirectories(parent, Prefix + "*"))
            {
                if (!TryLock(path, out FileDescriptor? held)) continue;
                using (held)
                    if (SysFiles.Stat(held, out LinuxStat stat) == Errno.None && stat.Uid == SysProcesses.EffectiveUser)
                        TryRemove(path);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A directory that we may not list has nothing of ours.
        }
    }

    private static bool TryLock(string path, [NotNullWhen(true)] out FileDescriptor? held)
    {
        const int Flags = FcntlH.O_RDONLY | FcntlH.O_DIRECTORY | FcntlH.O_NOFOLLOW;
        if (SysFiles.Open(path, Flags, out held) != Errno.None) return false;
        if (SysFiles.Lock(held, FcntlH.LOCK_EX | FcntlH.LOCK_NB) == Errno.None) return true;
        held.Dispose();
        return false;
    }

    private static void TryRemove(string path)
    {
        try
        {
            Directory.Delete(path, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It is another user's, or somebody put something into it. The next start tries again.
        }
    }
}
