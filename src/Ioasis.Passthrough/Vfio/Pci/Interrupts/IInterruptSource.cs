namespace Ioasis.Passthrough.Vfio.Pci.Interrupts;

/// <summary>What delivering interrupts depends on.</summary>
internal interface IInterruptSource
{
    /// <summary>Whether the function asserts its interrupt line.</summary>
    bool LineAsserted { get; }

    /// <summary>Whether it may send messages.</summary>
    bool BusMaster { get; }

    /// <summary>The program enabled or disabled MSI or MSI-X. Not called from a thread of the model.</summary>
    void MessagesEnabled(bool msix, bool enabled);
}
