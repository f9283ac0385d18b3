namespace Ioasis.Iommufd.Objects;

/// <summary>
/// An object of a plug-in's own kind. Programs name it by its number and end it by IOMMU_DESTROY or by closing the
/// context, like any other; <see cref="IommufdContext.Objects"/> makes and finds it.
/// </summary>
public abstract class DriverObject : IommufdObject
{
    /// <summary>
    /// Gives back what the object holds. Called once, when programs can no longer name it and no call uses it; cannot
    /// fail. Also undoes an object that was never published.
    /// </summary>
    protected abstract void Release();

    internal sealed override void Destroy() => Release();
}
