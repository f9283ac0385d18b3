using Ioasis.Abi;
using Ioasis.Iommufd;
using Ioasis.Iommufd.Files;
using Ioasis.Memory;

namespace Ioasis.Client.InProcess;

/// <summary>The caller of one call: it holds the nodes that the call looks up until the call is over.</summary>
internal sealed class ProcessCaller(ProcessNodes process) : ICaller, IDisposable
{
    private List<OpenDescription>? _held;

    public AddressSpace Memory => process.Memory;

    public ProcessPins Pins => process.Pins;

    public UserPins UserPins => ProcessNodes.UserPins;

    public bool HasCapability(int capability) => process.HasCapability(capability);

    public Errno GetFile(int descriptor, out IOpenFile? file)
    {
        file = null;
        if (!process.Descriptors.TryHold(descriptor, out OpenDescription? description))
            return Errno.EBADF.Because($"descriptor {descriptor} is not open");
        switch (description)
        {
            case EventCounter counter:
                file = new EventReference(counter); // takes over the hold; the caller disposes of the event
                return Errno.None;
            case OpenNode node:
                file = node.File;
                break;
            case OpenQueue queue:
                file = queue.File;
                break;
            case FileBytes bytes:
                file = bytes;
                break;
            default:
                file = OtherFile.Instance;
                break;
        }

        (_held ??= []).Add(description);
        return Errno.None;
    }

    public SysResult InstallFile(INode node)
    {
        Errno errno = process.TryOpen(node, out OpenNode? open);
        return errno == Errno.None ? SysResult.Ok(process.Descriptors.Add(open!)) : errno;
    }

    public SysResult InstallAgain(NodeFile file)
    {
        if (!process.Descriptors.TryHold(
            description => description is OpenNode node && node.File == file, out OpenDescription? open))
            return Errno.EBADF.Because("the file is being closed");
        return SysResult.Ok(process.Descriptors.Add(open)); // the table takes over the hold
    }

    public SysResult InstallQueue(QueueFile queue) => SysResult.Ok(process.Descriptors.Add(new OpenQueue(queue)));

    public void Dispose()
    {
        if (_held is null) return;
        foreach (OpenDescription description in _held) description.Release();
        _held = null;
    }
}
