namespace Ioasis.Client;

/// <summary>A hardware page table that devices can be attached to.</summary>
public class Hwpt : IommuObject
{
    internal Hwpt(IommuContext context, uint id) : base(context, id)
    {
    }
}
