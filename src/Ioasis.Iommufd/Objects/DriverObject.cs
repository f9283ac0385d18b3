namespace Ioasis.Iommufd.Objects;

/// <summary>
/// An object of a plug-in's own kind. Programs name it by its ID and end it by IOMMU_DESTROY or by closing the context,
/// like any other object. <see cref="IommufdContext.Objects"/> makes and finds it.
/// </summary>
public abstract class DriverObject : IommufdObject
{
    /// <summary>
    /// Releases what the object holds. Called once, when programs can no longer name it and no call uses it. Cannot
    /// fail. Also undoes an object that was never published.
    /// </summary>
    protected abstract void Release();

    internal sealed override void Destroy() => Release();
}
