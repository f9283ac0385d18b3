using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Machine;
using Ioasis.Machine.Nodes;
using Ioasis.Memory;

namespace Ioasis.Client.InProcess;

/// <summary>
/// The nodes of a machine within this process, as one process of that machine sees them. Its memory is the blocks that
/// it allocated, so a wrong address fails with EFAULT and never reaches the runtime's own memory.
/// </summary>
internal sealed class ProcessNodes(SoftwareMachine machine, IReadOnlyCollection<int> capabilities) : NodeTransport
{
    private readonly VirtualPaths _paths = new(machine);

    public override string Name => "process";

    internal OwnAddressSpace Memory { get; } = new();

    internal DescriptorTable Descriptors { get; } = new();

    internal ProcessPins Pins { get; } = new OwnPins();

    /// <summary>All processes within this one belong to one user.</summary>
    internal static UserPins UserPins { get; } = new();

    internal bool HasCapability(int capability) => capabilities.Contains(capability);

    public override Errno TryOpen(string path, out NodeHandle? handle)
    {
        handle = null;
        Errno errno = _paths.TryResolve(path, out VirtualPath? found);
        if (errno != Errno.None) return errno;
        if (found is VirtualDirectory) return Errno.EISDIR;
        // the sysfs files that we serve are read-only here
        if (found is not VirtualDevice device) return Errno.EACCES;
        errno = TryOpen(device.Node, out OpenNode? open);
        if (errno == Errno.None) handle = Adopt(Descriptors.Add(open!), path);
        return errno;
    }

    public override NodeHandle Adopt(int descriptor, string path) => new ProcessHandle(path, this, descriptor);

    internal Errno TryOpen(INode node, out OpenNode? open)
    {
        open = null;
        Errno errno = InjectedOpen.Of(machine.Injector, node.Path);
        if (errno != Errno.None) return errno;
        var carrier = new ProcessCarrier();
        errno = node.Open(carrier, out NodeFile? file);
        open = errno == Errno.None ? new OpenNode(file!, carrier) : null;
        if (errno == Errno.None)
            file!.TellOpen(node.Path, machine.Observers, Environment.ProcessId, machine.Injector);
        else carrier.Dispose();
        return errno;
    }

    public override UserMemory Allocate(ulong length)
    {
        HostBlock block = Memory.Allocate(ProcessCarrier.RoundUp(length));
        return new UserMemory(block, () => Memory.Free(block));
    }

    public override UserEvent CreateEvent() => new ProcessEvent(Descriptors);

    public override UserFile CreateFile(ulong length) => new ProcessFile(this, length);

    public override Errno TryReadFile(string path, out byte[] content)
    {
        content = [];
        Errno errno = _paths.TryResolve(path, out VirtualPath? found);
        if (errno != Errno.None) return errno;
        if (found is VirtualDirectory) return Errno.EISDIR;
        if (found is not VirtualFile file) return Errno.EINVAL;
        content = file.Content();
        return Errno.None;
    }

    public override Errno TryList(string path, out IReadOnlyList<string> names) => _paths.TryList(path, out names);

    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (disposing) Descriptors.CloseAll();
    }
}
