namespace Ioasis.Client;

/// <summary>An object of a context.</summary>
public abstract class IommuObject : IDisposable
{
    private bool _destroyed;

    private protected IommuObject(IommuContext context, uint id)
    {
        Context = context;
        Id = id;
    }

    /// <summary>The context that it belongs to.</summary>
    public IommuContext Context { get; }

    /// <summary>Its ID in the context, never 0.</summary>
    public uint Id { get; }

    /// <summary>Destroys the object (IOMMU_DESTROY).</summary>
    /// <exception cref="IommuException">EBUSY while a device or another object uses it; nothing has changed
    /// then.</exception>
    public void Destroy()
    {
        if (_destroyed) return;
        Context.Destroy(Id);
        _destroyed = true;
    }

    /// <summary>Destroys the object if nothing uses it. Otherwise it lives until the context is closed.</summary>
    public void Dispose()
    {
        if (!_destroyed) Context.TryDestroy(Id);
        _destroyed = true;
        GC.SuppressFinalize(this);
    }
}
