using Ioasis.Abi;
using Ioasis.Linux.Files;
using Ioasis.Linux.Memory;

namespace Ioasis.Client.Linux;

/// <summary>The nodes of the system that this process runs on, through its own system calls.</summary>
internal sealed class LinuxNodes : NodeTransport
{
    private const int ReadRoom = 64 * 1024;

    public override string Name => "nodes";

    internal override bool MapsAnyMemory => true;

    public override Errno TryOpen(string path, out NodeHandle? handle)
    {
        Errno errno = SysFiles.Open(path, FcntlH.O_RDWR, out FileDescriptor file);
        handle = errno == Errno.None ? new LinuxHandle(path, file) : null;
        return errno;
    }

    public override NodeHandle Adopt(int descriptor, string path) =>
        new LinuxHandle(path, new FileDescriptor(descriptor));

    public override UserMemory Allocate(ulong length)
    {
        Errno errno = UserPages.TryAllocate(length, out UserPages? pages);
        return errno == Errno.None
            ? new UserMemory(pages!, pages!.Dispose)
            : throw new IommuException(errno, $"allocation of 0x{length:x} bytes of memory");
    }

    public override UserEvent CreateEvent() => new LinuxEvent();

    public override UserFile CreateFile(ulong length) => new LinuxFile(length);

    public override Errno TryReadFile(string path, out byte[] content)
    {
        content = [];
        Errno errno = SysFiles.Open(path, FcntlH.O_RDONLY, out FileDescriptor file);
        if (errno != Errno.None) return errno;
        using (file)
        {
            var room = new byte[ReadRoom];
            int count = 0;
            while (count < room.Length)
            {
                SysResult got = SysFiles.Read(file, room.AsSpan(count));
                if (!got.IsOk) return got.Errno;
                if (got.Value == 0) break;
                count += (int)got.Value;
            }

            content = room[..count];
            return Errno.None;
        }
    }

    public override Errno TryList(string path, out IReadOnlyList<string> names)
    {
        names = [];
        try
        {
            names = [.. new DirectoryInfo(path)
                .EnumerateFileSystemInfos().Select(i => i.Name).Order(StringComparer.Ordinal)];
            return Errno.None;
        }
        catch (DirectoryNotFoundException)
        {
            return Errno.ENOENT;
        }
        catch (UnauthorizedAccessException)
        {
            return Errno.EACCES;
        }
        catch (IOException)
        {
            return Errno.EIO;
        }
    }
}
