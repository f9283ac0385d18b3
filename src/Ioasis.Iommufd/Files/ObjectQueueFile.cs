using Ioasis.Iommufd.Objects;

namespace Ioasis.Iommufd.Files;

/// <summary>
/// The open file of a queue that is an object of a context. It keeps both in use until its last descriptor is closed.
/// </summary>
internal abstract class ObjectQueueFile : QueueFile
{
    private readonly IommufdContext _context;
    private readonly IommufdObject _queue;

    private protected ObjectQueueFile(IommufdContext context, IommufdObject queue)
    {
        _context = context;
        _queue = queue;
        context.AddReference();
        context.Objects.AddUser(queue);
    }

    /// <inheritdoc/>
    public sealed override void Close()
    {
        _context.Objects.RemoveUser(_queue);
        _context.Release();
    }
}
