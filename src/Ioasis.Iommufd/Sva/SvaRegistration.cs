using Ioasis.Iommufd.Objects;

namespace Ioasis.Iommufd.Sva;

/// <summary>
/// A device that sends a PASID of a <see cref="SvaFileContext"/>. It follows the PASID's page table. The PASID is not
/// reused until this is disposed, even if its owner is gone.
/// </summary>
public sealed class SvaRegistration : IDisposable
{
    private readonly SvaFileContext _context;
    private bool _disposed; // guarded by the context's lock

    internal SvaRegistration(SvaFileContext context, IommufdDevice device, SvaPasid pasid)
    {
        _context = context;
        Device = device;
        Pasid = pasid;
    }

    internal IommufdDevice Device { get; }

    internal SvaPasid Pasid { get; }

    /// <summary>Detaches the device. After it returns its DMA with the PASID is blocked.</summary>
    public void Dispose() => _context.Remove(this, ref _disposed);
}
