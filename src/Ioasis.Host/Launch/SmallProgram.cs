using Ioasis.Abi;
using Ioasis.Host.Paths;
using Ioasis.Linux.Files;
using Ioasis.Linux.Processes;

namespace Ioasis.Host.Launch;

/// <summary>Starts a program that exists in our memory only (<see cref="ElfImage"/>).</summary>
internal static class SmallProgram
{
    /// <summary>
    /// Starts it from a file in memory; where the host executes no such file (vm.memfd_noexec), from a temporary file.
    /// </summary>
    /// <param name="name">What it is called.</param>
    /// <param name="image">The ELF file.</param>
    /// <param name="arguments">Strings that end in a NUL; the first is the program's own name.</param>
    /// <param name="environment">Strings that end in a NUL.</param>
    /// <param name="isApart">Whether in a session of its own (<see cref="SysProcesses.SpawnApart"/>).</param>
    /// <param name="pid">Its process ID.</param>
    public static Errno Start(string name, byte[] image, byte[] arguments, byte[] environment, bool isApart,
        out int pid)
    {
        pid = 0;
        Errno errno = SysFiles.CreateExecutable(name, out FileDescriptor file);
        if (errno == Errno.None)
        {
            using (file)
            {
                if (SysFiles.Write(file, image) != SysResult.Ok(image.Length)) return Errno.ENOMEM;
                errno = Spawn($"/proc/self/fd/{file.Number}", arguments, environment, isApart, out pid);
            }
        }

        return errno is Errno.EACCES or Errno.EPERM
            ? StartFromDisk(name, image, arguments, environment, isApart, out pid)
            : errno;
    }

    /// <summary>Starts it from a file in the first of some directories that permits it.</summary>
    internal static Errno StartFromDisk(string name, byte[] image, byte[] arguments, byte[] environment, bool isApart,
        out int pid)
    {
        pid = 0;
        var errno = Errno.EACCES;
        foreach (string directory in TemporaryDirectory.Parents.Append(Path.GetTempPath()))
        {
            string path = Path.Combine(directory, $"{name}-{Guid.NewGuid():N}");
            if (!TryWrite(path, image)) continue;
            errno = Spawn(path, arguments, environment, isApart, out pid);
            File.Delete(path);
            if (errno == Errno.None) break;
        }

        return errno;
    }

    private static bool TryWrite(string path, byte[] image)
    {
        const int Flags = FcntlH.O_WRONLY | FcntlH.O_CREAT | FcntlH.O_EXCL | FcntlH.O_CLOEXEC;
        const uint Executable = 0x1C0; // 0700
        if (SysFiles.Open(path, Flags, out FileDescriptor file, Executable) != Errno.None) return false;
        using (file)
            if (SysFiles.Write(file, image) == SysResult.Ok(image.Length)) return true;
        File.Delete(path);
        return false;
    }

    private static Errno Spawn(string path, byte[] arguments, byte[] environment, bool isApart, out int pid) => isApart
        ? SysProcesses.SpawnApart(path, arguments, environment, out pid)
        : SysProcesses.Spawn(path, arguments, environment, out pid);
}
