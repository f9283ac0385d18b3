namespace Ioasis.Devices;

/// <summary>An mdev that a type created: a <see cref="PciMdev"/> or an <see cref="EmulatedMdev"/>.</summary>
public abstract class Mdev
{
    private protected Mdev()
    {
    }

    /// <summary>What it adds to its directory in sysfs. The same objects on every call.</summary>
    public virtual IReadOnlyList<MdevAttribute> Attributes => [];

    /// <summary>
    /// Whether what it has of its parent keeps data of its owner, so that <see cref="Erase"/> takes time.
    /// </summary>
    public virtual bool KeepsData => false;

    /// <summary>
    /// Called once when the mdev goes, before <see cref="Remove"/>: erases the data that its owner left in what it has
    /// of the parent, so that no later owner finds them. Its last file is closed by then, and the model of a
    /// <see cref="PciMdev"/> is unplugged. It may take long: only the program that removes the mdev waits for it. If it
    /// throws, <see cref="Remove"/> is not called, and what the mdev has of its parent is given to nobody else.
    /// </summary>
    public virtual void Erase()
    {
    }

    /// <summary>
    /// Called once when the mdev goes: gives back what <see cref="MdevType.Create"/> took of the parent.
    /// </summary>
    public virtual void Remove()
    {
    }
}

/// <summary>
/// An mdev behind its parent's IOMMU: a PCI function in software that is plugged into a slot like any other, with
/// configuration space, BARs, doorbells, MSI and MSI-X.
/// </summary>
/// <remarks>
/// <para>The slot's ports (<see cref="IPciSlot.OpenDmaPort"/>) are ports of the parent, bound to a PASID that the host
/// allocates for this mdev. So the model and its requests need no PASID, and the IOMMU confines them to what the mdev's
/// own program has attached. The program never sees the PASID. Page requests with it are refused.</para>
/// <para>A model whose function has PASIDs can also send PASIDs that its program attached to this mdev. The model takes
/// the number from the program and gives it to the port, unchecked: a number that the program has not attached reaches
/// nothing, whatever it is elsewhere.</para>
/// <para>The mdev's bus mastering is its own. The parent's bus mastering off stops all its mdevs.</para>
/// <para>The parent needs PASIDs (<see cref="PciFunction.PasidBits"/>) in this machine; else nothing can be
/// created.</para>
/// </remarks>
/// <param name="model">
/// The model, made for this mdev alone. It may use threads, engines and registers of its own, and whatever
/// <see cref="MdevType.Create"/> gave it of the parent. Its function has no virtual functions. It has PASIDs, ATS and
/// PRI as far as the parent has them; its ports keep no translations.
/// </param>
public class PciMdev(PciDeviceModel model) : Mdev
{
    /// <summary>The model.</summary>
    public PciDeviceModel Model => model;
}
