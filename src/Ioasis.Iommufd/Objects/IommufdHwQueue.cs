using Ioasis.Core.Units;

namespace Ioasis.Iommufd.Objects;

/// <summary>A hardware queue of a vIOMMU, in pinned memory of the guest (Linux: struct iommufd_hw_queue).</summary>
public sealed class IommufdHwQueue : IommufdObject
{
    private readonly ObjectTable _objects;
    private readonly IommufdViommu _viommu;
    private IommufdObject? _dependsOn;
    private HwQueue? _driver;
    private Action? _unpin;

    internal IommufdHwQueue(ObjectTable objects, IommufdViommu viommu)
    {
        _objects = objects;
        _viommu = viommu;
        objects.AddUser(viommu);
    }

    /// <summary>The vIOMMU whose queue it is.</summary>
    internal IommufdViommu Viommu => _viommu;

    /// <summary>Sets the action that unpins the queue's memory at the end.</summary>
    internal void SetMemory(Action unpin) => _unpin = unpin;

    /// <summary>Sets the unit's implementation.</summary>
    internal void SetDriver(HwQueue driver)
    {
        _driver = driver;
        if (driver.DependsOn is { } other && _viommu.TryFind(other, out IommufdHwQueue? queue))
        {
            _objects.AddUser(queue);
            _dependsOn = queue;
        }

        _viommu.Add(driver, this);
    }

    internal override void Destroy()
    {
        if (_driver is not null)
        {
            _viommu.Remove(_driver);
            _driver.Destroy();
            if (_dependsOn is not null) _objects.RemoveUser(_dependsOn);
        }

        _unpin?.Invoke();
        _objects.RemoveUser(_viommu);
    }
}
