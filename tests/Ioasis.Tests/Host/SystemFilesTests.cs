using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Ioasis.Abi;
using Ioasis.Diagnostics.Record;
using Ioasis.Host.Recording;
using Ioasis.Iommufd.Files;
using Ioasis.Linux.Files;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Memory;

namespace Ioasis.Tests.Host;

/// <summary>
/// Files of the kernel beneath are told apart and seen to close without being held; /dev/null plays a node.
/// </summary>
public sealed class SystemFilesTests : IDisposable
{
    private const string Node = "/dev/null";

    private readonly StringWriter _text = new();
    private readonly SystemFiles _files;
    private readonly TracedProcess _self = TracedProcess.TryOpen(Environment.ProcessId)!;

    public SystemFilesTests() => _files = new SystemFiles(new SystemRecorder([], withMemory: false, _text),
        path => path == Node ? _ => null : null);

    public void Dispose() => _self.Dispose();

    [Theory]
    [InlineData(FcntlH.O_RDWR)]
    [InlineData(FcntlH.O_RDONLY)]
    public void A_file_is_the_same_through_each_descriptor_until_the_last_is_closed(int flags)
    {
        FileDescriptor first = Open(flags), other = Open(flags);
        FileDescriptor second = Duplicate(first);
        NodeFile? file = Find(first), apart = Find(other);
        Assert.NotNull(file);
        Assert.Same(file, Find(second));
        Assert.NotSame(file, apart);
        first.Dispose();
        _files.Look();
        Assert.Equal(["open file1", "open file2"], Lines());
        second.Dispose();
        _files.Look();
        Assert.Equal(["open file1", "open file2", "close file1"], Lines());
        using FileDescriptor again = Open(flags);
        Assert.NotSame(file, Find(again));
        other.Dispose();
        _files.CloseAll();
        Assert.Equal(["open file1", "open file2", "close file1", "open file3"], Lines().Take(4));
        Assert.Equal(["close file2", "close file3"], Lines().Skip(4).Order());
    }

    [Fact]
    public void What_is_no_node_is_an_event_memory_or_another_file()
    {
        Assert.Equal(Errno.None, SysFiles.CreateMemfd("x", FcntlH.MFD_ALLOW_SEALING, out FileDescriptor memory));
        Assert.Equal(Errno.None, SysFiles.Open("/dev/zero", FcntlH.O_RDONLY, out FileDescriptor zero));
        using (memory)
        using (zero)
        {
            Assert.IsType<IMemoryFile>(Look(memory), exactMatch: false);
            Assert.IsType<OtherFile>(Look(zero));
            Assert.Null(_files.Look(_self, Environment.ProcessId, -1, byCall: false));
            Assert.Null(_files.Look(_self, Environment.ProcessId, 99_999, byCall: false));
        }

        Assert.Empty(Lines());
    }

    [Theory]
    [InlineData("1: OFDLCK  ADVISORY  WRITE -1 00:06:1031 4611686018427387 4611686018427387", 4611686018427387L)]
    [InlineData("lock:\t1: OFDLCK  ADVISORY  READ  -1 fe:00:12 77 77", 77L)]
    [InlineData("2: POSIX  ADVISORY  WRITE 12 00:06:1031 5 5", null)]
    [InlineData("pos:\t0", null)]
    public void A_mark_is_read_from_the_kernels_text(string line, long? mark) =>
        Assert.Equal((ulong?)mark, SystemFiles.MarkOf(line));

    [Fact]
    public void Memory_is_read_as_far_as_the_program_could()
    {
        byte[] bytes = [1, 2, 3, 4], read = new byte[4];
        nint memory = Marshal.AllocHGlobal(bytes.Length);
        Marshal.Copy(bytes, 0, memory, bytes.Length);
        Assert.True(_self.TryRead(new Hva((ulong)memory), read));
        Marshal.FreeHGlobal(memory);
        Assert.Equal(bytes, read);
        Assert.False(_self.TryRead(new Hva(0x1000), read));
    }

    /// <summary>A recording can be replayed with each device that we have a model of.</summary>
    [Fact]
    public void Each_model_is_found_by_its_numbers()
    {
        foreach (string model in (string[])["dmatest", "dsa", "edu", "ioat", "nvme", "virtio-blk", "virtio-net"])
        {
            using SoftwareMachine machine = SoftwareMachine.Create(
                MachineDescription.Default.WithDevice($"{model}@0000:06:00.0"));
            var function = machine.Devices.Single(d => d.Requester.ToString() == "0000:06:00.0").Function;
            Assert.Equal(model, SystemDevices.ModelOf($"0x{function.VendorId:x4}", $"0x{function.DeviceId:x4}",
                $"0x{function.ClassCode:x6}"));
        }
    }

    private NodeFile? Find(FileDescriptor file) => _files.Find(_self, Environment.ProcessId, file.Number);

    private IOpenFile? Look(FileDescriptor file) =>
        _files.Look(_self, Environment.ProcessId, file.Number, byCall: false);

    private static FileDescriptor Open(int flags)
    {
        Assert.Equal(Errno.None, SysFiles.Open(Node, flags, out FileDescriptor file));
        return file;
    }

    private static FileDescriptor Duplicate(FileDescriptor file) =>
        new((int)SysFiles.Fcntl(file, FcntlH.F_DUPFD_CLOEXEC).Value);

    private string[] Lines() => [.. _text.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries).Skip(1)
        .Select(l => JsonNode.Parse(l)!).Select(l => $"{l["event"]} {l["file"]}")];
}
